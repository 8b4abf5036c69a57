// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISumcheckVerifier} from "../interfaces/ISumcheckVerifier.sol";
import {Blob, BlobReader} from "./Blob.sol";
import {Equations} from "./Equations.sol";
import {Field, R} from "./Field.sol";
import {Opening} from "./Opening.sol";
import {Points} from "./Points.sol";
import {Tape, Views} from "./Tape.sol";
import {Tensors} from "./Tensors.sol";
import {Dialogue, Label, Transcript} from "./Transcript.sol";

/// @title Verifier of "sumcheck/v1" proofs for every model
/// @notice Holds nothing, is owned by nobody, and calls nothing but precompiles.
/// @dev `verifier/systems/sumcheck/check.py`, step by step under the same numbers.
contract SumcheckVerifier is ISumcheckVerifier {
    using Transcript for Dialogue;
    using Views for Tape;

    bytes32 private constant STATEMENT_TAG = keccak256("avow.sumcheck.v1");
    uint256 private constant TENSOR = 12;
    uint256 private constant MARKS = 17;

    error ProofLengthDiffers(uint256 expected, uint256 found);
    error IdentitiesDoNotHold();
    error BilinearsDoNotHold();
    error EvaluationsDiffer();
    error OpeningDoesNotFit();

    /// @dev What the parts share. `records` and `digests` are of the tensors, inputs first; `points` holds the
    /// rows that the proof commits to; `scratch` is what no part keeps; `first` and `sent` are where the tape has
    /// the challenges r, s, z and the evaluations that the prover sent.
    struct Session {
        Blob blob;
        Dialogue dialogue;
        Tape tape;
        Established found;
        uint256 records;
        uint256 digests;
        uint256 points;
        uint256 scratch;
        uint256 first;
        uint256 sent;
        uint256 alpha;
        uint256 gamma;
        uint256 value;
        uint256 mark;
        bytes32[MARKS] states;
        uint256[MARKS] gasLeft;
    }

    /// @inheritdoc ISumcheckVerifier
    function verify(
        address blob,
        bytes32 root,
        bytes calldata inputs,
        bytes calldata outputs,
        bytes calldata proof
    ) external view returns (Established memory) {
        return _check(blob, root, inputs, outputs, proof).found;
    }

    /// @notice As `verify`, for those who compare implementations or count: the transcript's state and the gas
    /// that was left at the start, and after each step.
    function trace(
        address blob,
        bytes32 root,
        bytes calldata inputs,
        bytes calldata outputs,
        bytes calldata proof
    ) external view returns (bytes32[MARKS] memory states, uint256[MARKS] memory gasLeft) {
        Session memory session = _check(blob, root, inputs, outputs, proof);
        return (session.states, session.gasLeft);
    }

    function _check(
        address account,
        bytes32 root,
        bytes calldata inputs,
        bytes calldata outputs,
        bytes calldata proof
    ) private view returns (Session memory session) {
        _mark(session);
        _begin(session, account, proof);
        _mark(session);
        _statement(session, root, inputs, outputs);
        _mark(session);
        _witness(session);
        _mark(session);
        _helpers(session);
        _mark(session);
        _identities(session);
        _mark(session);
        _bilinears(session);
        _mark(session);
        _reduction(session);
        _mark(session);
        _opening(session);
        _mark(session);
    }

    /// @dev Reads the blob and lays out memory.
    function _begin(Session memory session, address account, bytes calldata proof) private view {
        Blob memory blob = session.blob;
        BlobReader.read(blob, account);
        uint256 expected = BlobReader.proofBytes(blob);
        if (proof.length != expected) revert ProofLengthDiffers(expected, proof.length);
        uint256 tensors = blob.inputs + blob.outputs;
        uint256 rows = blob.witnessRows + blob.helperRows;
        uint256 sent = blob.reads > blob.factors ? blob.reads : blob.factors;
        uint256 longest = (sent > 2 * rows ? sent : 2 * rows) + 64;
        session.records = _reserve(Tensors.RECORD * tensors);
        session.digests = _reserve(32 * tensors);
        session.points = _reserve(64 * rows);
        session.scratch = _reserve(32 * (8 * blob.columns + 64));
        uint256 base = _reserve(32 * blob.tapeWords);
        session.tape.base = base;
        session.first = base + 32 * blob.constants;
        session.sent = session.first + 32 * (blob.variables + blob.summed + blob.stackVariables);
        session.tape.top = session.sent + 32 * (blob.reads + blob.factors);
        session.dialogue.buffer = _reserve(32 * longest + 64);
        Field.store(session.dialogue.buffer, 0);
        uint256 next;
        assembly ("memory-safe") {
            next := proof.offset
        }
        session.dialogue.next = next;
        session.tape.code = blob.body;
    }

    /// @dev 0. Statement: tensors within their specifications, and everything that the proof is about.
    function _statement(Session memory session, bytes32 root, bytes calldata inputs, bytes calldata outputs)
        private
        pure
    {
        Blob memory blob = session.blob;
        Dialogue memory dialogue = session.dialogue;
        Tape memory tape = session.tape;
        Established memory found = session.found;
        found.program = blob.program;
        found.key = blob.key;
        uint256 scratch = session.scratch;
        Field.store(scratch, uint256(STATEMENT_TAG));
        Field.store(scratch + 32, uint256(root));
        Field.store(scratch + 64, uint256(blob.program));
        Field.store(scratch + 96, uint256(blob.key));
        Field.store(scratch + 128, uint256(blob.srs));
        Field.store(scratch + 160, blob.batch);
        Field.store(scratch + 192, blob.keyColumns);
        Field.store(scratch + 224, blob.width);
        dialogue.absorb(Label.STATEMENT, scratch, 8);

        uint256 records = session.records;
        uint256 digests = session.digests;
        found.input = Tensors.read(tape, inputs, blob.inputs, records, digests);
        records += Tensors.RECORD * blob.inputs;
        found.output = Tensors.read(tape, outputs, blob.outputs, records, digests + 32 * blob.inputs);
        for (uint256 left = blob.equalities; left != 0; --left) {
            uint256 pair = Field.load(tape.code) >> 240;
            tape.code += 2;
            Tensors.requireSame(session.records, pair >> 8, pair & 0xff);
        }
        dialogue.absorb(Label.PUBLIC, digests, blob.inputs + blob.outputs);
        uint256 base = tape.base;
        uint256 code = tape.code;
        uint256 size = 32 * blob.constants;
        assembly ("memory-safe") {
            mcopy(base, code, size)
        }
        tape.code = code + size;
    }

    /// @dev 1. Witness: fixed before the challenges of the lookups. The tape's word 1 is lambda.
    function _witness(Session memory session) private pure {
        Dialogue memory dialogue = session.dialogue;
        dialogue.words(Label.WITNESS, session.points, 2 * session.blob.witnessRows);
        session.alpha = dialogue.challenge(Label.ALPHA);
        Field.store(session.tape.base + 32, dialogue.challenge(Label.LAMBDA));
    }

    /// @dev 2. Helper columns: fixed before the identities are weighted. rho is left in the scratch memory.
    function _helpers(Session memory session) private pure {
        Blob memory blob = session.blob;
        Dialogue memory dialogue = session.dialogue;
        dialogue.words(Label.HELPERS, session.points + 64 * blob.witnessRows, 2 * blob.helperRows);
        for (uint256 i; i < blob.variables; ++i) {
            Field.store(session.scratch + 32 * i, dialogue.challenge(Label.RHO));
        }
        session.gamma = dialogue.challenge(Label.GAMMA);
    }

    /// @dev 3. Identities and lookups: they sum to zero, which ends in evaluations at r.
    function _identities(Session memory session) private view {
        Blob memory blob = session.blob;
        Dialogue memory dialogue = session.dialogue;
        Tape memory tape = session.tape;
        uint256 claim = dialogue.rounds(Label.IDENTITIES, 0, blob.variables, 3, session.first);
        dialogue.scalars(Label.READS, session.sent, blob.reads);
        _mark(session);
        _steps(session, blob.stepsAtR);
        _mark(session);
        uint256 eqRho = Views.eq(session.scratch, session.first, blob.variables);
        (uint256 zeros, uint256 power) = Equations.identities(tape, session.alpha, session.gamma);
        uint256 sums = Equations.sums(tape, session.gamma, power);
        if (claim != addmod(mulmod(eqRho, zeros, R), sums, R)) revert IdentitiesDoNotHold();
    }

    /// @dev 4. Bilinear sums: from the results at r to their factors at points of r and s.
    function _bilinears(Session memory session) private view {
        Blob memory blob = session.blob;
        Dialogue memory dialogue = session.dialogue;
        Tape memory tape = session.tape;
        if (blob.degree == 0) {
            _mark(session);
            _mark(session);
            return;
        }
        uint256 theta = dialogue.challenge(Label.THETA);
        uint256 claim = Equations.bilinearClaim(tape, theta);
        uint256 s = session.first + 32 * blob.variables;
        claim = dialogue.rounds(Label.BILINEAR, claim, blob.summed, blob.degree, s);
        dialogue.scalars(Label.FACTORS, session.sent + 32 * blob.reads, blob.factors);
        _mark(session);
        _steps(session, blob.stepsAtS);
        _mark(session);
        if (claim != Equations.bilinearAt(tape, theta)) revert BilinearsDoNotHold();
    }

    // 5. Public columns: the blob's steps evaluate them wherever they are read.

    /// @dev 6. Reduction: all claims become one about the whole stack, at z.
    function _reduction(Session memory session) private view {
        Blob memory blob = session.blob;
        Dialogue memory dialogue = session.dialogue;
        Tape memory tape = session.tape;
        uint256 claims = blob.reads + blob.factors;
        uint256 eta = dialogue.challenge(Label.ETA);
        uint256 claim = Equations.claimed(session.sent, claims, eta);
        uint256 z = session.first + 32 * (blob.variables + blob.summed);
        claim = dialogue.rounds(Label.REDUCTION, claim, blob.stackVariables, 2, z);
        dialogue.scalars(Label.STACK, session.scratch, 1);
        session.value = Field.load(session.scratch);
        _mark(session);
        _steps(session, blob.stepsAtZ);
        _mark(session);
        uint256 forms = Equations.forms(tape, claims, eta);
        if (claim != mulmod(session.value, forms, R)) revert EvaluationsDiffer();
        BlobReader.requireEnd(blob, tape);
    }

    /// @dev 7. Opening: the committed rows, the key's among them, have that value.
    function _opening(Session memory session) private view {
        Blob memory blob = session.blob;
        uint256 z = session.first + 32 * (blob.variables + blob.summed);
        Opening.Opened memory opened = Opening.fold(
            session.dialogue,
            z + 32 * (blob.stackVariables - blob.columns),
            blob.columns,
            session.value,
            session.scratch
        );
        _mark(session);
        uint256 sum = Points.begin();
        uint256 generator = Points.begin();
        uint256 points = session.points;
        uint256 weights = session.tape.base + 32 * blob.firstWeight;
        Points.addAll(sum, blob.rows, weights, blob.keyRows);
        Points.addAll(sum, points, weights + 32 * blob.firstWitnessRow, blob.witnessRows);
        points += 64 * blob.witnessRows;
        Points.addAll(sum, points, weights + 32 * blob.firstHelperRow, blob.helperRows);
        points = opened.folds;
        uint256 weight = 1;
        for (uint256 i = 1; i < opened.count; ++i) {
            weight = mulmod(weight, opened.batch, R);
            Points.add(sum, points, weight);
            points += 64;
        }
        Field.store(generator, 1);
        Field.store(generator + 32, 2);
        Points.add(sum, generator, R - opened.interpolated);
        Points.add(sum, points, R - opened.vanishing);
        Points.add(sum, points + 64, opened.zeta);
        _mark(session);
        if (!Points.pairingHolds(sum, points + 64, blob.tauG2)) revert OpeningDoesNotFit();
    }

    /// @dev The blob's next steps: evaluations of views, of public tensors among them.
    function _steps(Session memory session, uint256 count) private pure {
        while (count != 0) {
            uint256 step;
            (count, step) = session.tape.run(count);
            if (count == 0) return;
            if (step >> 248 != TENSOR) revert Views.StepUnknown(step >> 248);
            Tensors.evaluate(session.tape, session.records);
            --count;
        }
    }

    function _mark(Session memory session) private view {
        uint256 mark = session.mark;
        if (mark != 0) session.states[mark] = session.dialogue.state();
        session.gasLeft[mark] = gasleft();
        session.mark = mark + 1;
    }

    function _reserve(uint256 size) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(0x40, add(start, size))
        }
    }
}
