// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISumcheckVerifier} from "../interfaces/ISumcheckVerifier.sol";
import {Batches} from "./Batches.sol";
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
    error BatchDiffers(uint256 batch, uint256 samples);
    error SampleMalformed(uint256 sample);

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
        uint256 z;
        uint256 sent;
        uint256 left;
        uint256 right;
        uint256 generator;
        uint256 kappa;
        uint256 gamma;
        uint256 value;
        bool traced;
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
        Session memory session = _begin(blob, proof);
        _single(session, root, inputs, outputs);
        return session.found;
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
        uint256 start = gasleft();
        Session memory session = _begin(blob, proof);
        session.traced = true;
        session.gasLeft[0] = start;
        session.mark = 1;
        _single(session, root, inputs, outputs);
        return (session.states, session.gasLeft);
    }

    /// @inheritdoc ISumcheckVerifier
    function verifyBatch(address account, bytes32 root, Sample[] calldata samples, bytes calldata proof)
        external
        view
        returns (Established[] memory found)
    {
        unchecked {
            Session memory session = _begin(account, proof);
            Blob memory blob = session.blob;
            if (blob.batch < 2 || samples.length == 0 || samples.length > blob.batch) {
                revert BatchDiffers(blob.batch, samples.length);
            }
            _names(session, root);
            Tensors.skip(session.tape, blob.inputs + blob.outputs);
            session.tape.code += 2 * blob.equalities;
            _constants(session);
            _argument(session);
            return _samples(session, samples);
        }
    }

    function _single(Session memory session, bytes32 root, bytes calldata inputs, bytes calldata outputs)
        private
        view
    {
        Blob memory blob = session.blob;
        if (blob.batch != 1) revert BatchDiffers(blob.batch, 1);
        _mark(session);
        _names(session, root);
        _tensors(session, inputs, outputs);
        session.dialogue.absorb(Label.PUBLIC, session.digests, blob.inputs + blob.outputs);
        _constants(session);
        _mark(session);
        _argument(session);
        BlobReader.requireEnd(blob, session.tape);
        if (!Points.pairingHolds(session.left, session.right, blob.tauG2)) revert OpeningDoesNotFit();
        _mark(session);
    }

    /// @dev Everything between the statement and the pairing, whose two sides are left.
    function _argument(Session memory session) private view {
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
    function _begin(address account, bytes calldata proof) private view returns (Session memory session) {
        Blob memory blob = session.blob;
        BlobReader.read(blob, account);
        uint256 expected = BlobReader.proofBytes(blob);
        if (proof.length != expected) revert ProofLengthDiffers(expected, proof.length);
        // What the header says is below 2^32.
        unchecked {
            uint256 tensors = blob.inputs + blob.outputs;
            uint256 rows = blob.witnessRows + blob.helperRows;
            uint256 sent = blob.reads > blob.factors ? blob.reads : blob.factors;
            if (sent < tensors) sent = tensors;
            uint256 longest = (sent > 2 * rows ? sent : 2 * rows) + 64;
            session.records = _reserve(Tensors.RECORD * tensors);
            session.digests = _reserve(32 * tensors);
            session.points = _reserve(64 * rows);
            session.scratch = _reserve(32 * (4 * blob.columns + 40));
            uint256 base = _reserve(32 * blob.tapeWords);
            session.tape.base = base;
            session.first = base + 32 * blob.constants;
            session.z = session.first + 32 * (blob.variables + blob.summed + blob.batchVariables + blob.inner);
            session.sent = session.z + 32 * blob.stackVariables;
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
    }

    /// @dev 0. Statement: everything that the proof is about, tensors within their specifications.
    function _names(Session memory session, bytes32 root) private pure {
        Blob memory blob = session.blob;
        uint256 scratch = session.scratch;
        Field.store(scratch, uint256(STATEMENT_TAG));
        Field.store(scratch + 32, uint256(root));
        Field.store(scratch + 64, uint256(blob.program));
        Field.store(scratch + 96, uint256(blob.key));
        Field.store(scratch + 128, uint256(blob.srs));
        Field.store(scratch + 160, blob.batch);
        Field.store(scratch + 192, blob.columns);
        Field.store(scratch + 224, blob.width);
        session.dialogue.absorb(Label.STATEMENT, scratch, 8);
    }

    function _tensors(Session memory session, bytes calldata inputs, bytes calldata outputs) private pure {
        unchecked {
            Blob memory blob = session.blob;
            Tape memory tape = session.tape;
            Established memory found = session.found;
            found.program = blob.program;
            found.key = blob.key;
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
        }
    }

    function _constants(Session memory session) private pure {
        unchecked {
            uint256 base = session.tape.base;
            uint256 code = session.tape.code;
            uint256 size = 32 * session.blob.constants;
            assembly ("memory-safe") {
                mcopy(base, code, size)
            }
            session.tape.code = code + size;
        }
    }

    /// @dev 1. Witness: fixed before the challenges of the lookups. The tape's words 1 and 2 are
    /// lambda and alpha.
    function _witness(Session memory session) private pure {
        unchecked {
            Dialogue memory dialogue = session.dialogue;
            dialogue.words(Label.WITNESS, session.points, 2 * session.blob.witnessRows);
            uint256 base = session.tape.base;
            Field.store(base + 64, dialogue.challenge(Label.ALPHA));
            Field.store(base + 32, dialogue.challenge(Label.LAMBDA));
        }
    }

    /// @dev 2. Helper columns, a batch's E behind them: fixed before the identities are weighted. rho is left in
    /// the scratch memory; tau, its first part, and u are known words of a batch.
    function _helpers(Session memory session) private pure {
        unchecked {
            Blob memory blob = session.blob;
            Dialogue memory dialogue = session.dialogue;
            uint256 tau = session.first + 32 * (blob.variables + blob.summed);
            if (blob.batch > 1) {
                session.kappa = dialogue.challenge(Label.KAPPA);
                for (uint256 i; i < blob.inner; ++i) {
                    Field.store(tau + 32 * (blob.batchVariables + i), dialogue.challenge(Label.INNER));
                }
            }
            dialogue.words(Label.HELPERS, session.points + 64 * blob.witnessRows, 2 * blob.helperRows);
            for (uint256 i; i < blob.variables; ++i) {
                uint256 rho = dialogue.challenge(Label.RHO);
                Field.store(session.scratch + 32 * i, rho);
                if (i < blob.batchVariables) Field.store(tau + 32 * i, rho);
            }
            session.gamma = dialogue.challenge(Label.GAMMA);
        }
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
        uint256 eqRho = Views.eq(session.scratch, session.first, blob.variables, 1);
        (uint256 zeros, uint256 power) = Equations.identities(tape, session.gamma);
        uint256 sums = Equations.sums(tape, session.gamma, power);
        if (claim != addmod(mulmod(eqRho, zeros, R), sums, R)) revert IdentitiesDoNotHold();
    }

    /// @dev 4. Bilinear sums: from the results at r to their factors at points of r and s.
    function _bilinears(Session memory session) private view {
        unchecked {
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
    }

    // 5. Public columns: the blob's steps evaluate them wherever they are read.

    /// @dev 6. Reduction: all claims become one about the whole stack, at z.
    function _reduction(Session memory session) private view {
        unchecked {
            Blob memory blob = session.blob;
            Dialogue memory dialogue = session.dialogue;
            Tape memory tape = session.tape;
            uint256 claims = blob.reads + blob.factors;
            uint256 eta = dialogue.challenge(Label.ETA);
            uint256 claim = Equations.claimed(session.sent, claims, eta);
            uint256 z = session.z;
            claim = dialogue.rounds(Label.REDUCTION, claim, blob.stackVariables, 2, z);
            dialogue.scalars(Label.STACK, session.scratch, 1);
            session.value = Field.load(session.scratch);
            _mark(session);
            _steps(session, blob.stepsAtZ);
            _mark(session);
            uint256 forms = Equations.forms(tape, claims, eta);
            if (blob.batch > 1) forms = addmod(forms, mulmod(_power(eta, claims), _ends(session), R), R);
            if (claim != mulmod(session.value, forms, R)) revert EvaluationsDiffer();
        }
    }

    /// @dev One more claim of a batch, of value 0: E's values are the tensors' own.
    function _ends(Session memory session) private pure returns (uint256) {
        unchecked {
            Blob memory blob = session.blob;
            uint256 variables = blob.batchVariables;
            uint256 tensors = Equations.forms(session.tape, blob.ends, session.kappa);
            uint256 tau = session.first + 32 * (blob.variables + blob.summed);
            uint256 z = session.z + 32 * (blob.stackVariables - variables);
            // E is the last row of the helpers.
            uint256 row = blob.firstWeight + blob.firstHelperRow + blob.helperRows - 1;
            uint256 spread = Batches.spread(tau, z, variables, _reserve(32 << variables), blob.order);
            spread = mulmod(spread, Field.load(session.tape.base + 32 * row), R);
            return addmod(tensors, R - spread, R);
        }
    }

    function _power(uint256 base, uint256 exponent) private pure returns (uint256 power) {
        power = 1;
        for (; exponent != 0; exponent >>= 1) {
            if (exponent & 1 == 1) power = mulmod(power, base, R);
            base = mulmod(base, base, R);
        }
    }

    /// @dev 7. Opening: the committed rows, the key's among them, have that value.
    function _opening(Session memory session) private view {
        unchecked {
            Blob memory blob = session.blob;
            Opening.Opened memory opened = Opening.fold(
                session.dialogue,
                session.z + 32 * (blob.stackVariables - blob.columns),
                blob.columns,
                session.value,
                session.scratch
            );
            _mark(session);
            uint256 sum = Points.begin();
            uint256 generator = Points.begin();
            session.generator = generator;
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
            session.left = sum;
            session.right = points + 64;
        }
    }

    /// @dev What a batch's proof establishes of samples, whose openings join its own equation: E(omega^index)
    /// must be the value that the holder's tensors have. The weights are drawn after all of it.
    function _samples(Session memory session, Sample[] calldata samples)
        private
        view
        returns (Established[] memory found)
    {
        unchecked {
            Blob memory blob = session.blob;
            Tape memory tape = session.tape;
            uint256 count = samples.length;
            found = new Established[](count);
            // Index, value, x and y of each opening, as they are absorbed.
            uint256 claims = _reserve(128 * count + 64);
            uint256 steps = Field.load(tape.code) >> 240;
            tape.code += 2;
            _steps(session, steps);
            uint256 code = tape.code;
            uint256 top = tape.top;
            for (uint256 i; i < count; ++i) {
                Sample calldata sample = samples[i];
                if (sample.index >= blob.batch || sample.opening.length != 64) revert SampleMalformed(i);
                tape.code = blob.body;
                // Made before what is given back below: nothing may be written over it.
                Established memory one = Established(blob.program, blob.key, 0, 0);
                found[i] = one;
                uint256 free = _reserve(0);
                _tensors(session, sample.inputs, sample.outputs);
                one.input = session.found.input;
                one.output = session.found.output;
                tape.code = code;
                tape.top = top;
                _steps(session, blob.ends);
                uint256 claim = claims + 128 * i;
                Field.store(claim, sample.index);
                Field.store(claim + 32, Equations.claimed(top, blob.ends, session.kappa));
                bytes calldata opening = sample.opening;
                assembly ("memory-safe") {
                    calldatacopy(add(claim, 64), opening.offset, 64)
                    mstore(0x40, free) // The tensors were read, and are not needed again.
                }
            }
            BlobReader.requireEnd(blob, tape);
            _join(session, claims, count);
        }
    }

    function _join(Session memory session, uint256 claims, uint256 count) private view {
        unchecked {
            Blob memory blob = session.blob;
            uint256 r = blob.order;
            bytes32 state = session.dialogue.state();
            session.dialogue.buffer = _reserve(128 * count + 64);
            Field.store(session.dialogue.buffer, uint256(state));
            session.dialogue.absorb(Label.OPENINGS, claims, 4 * count);
            uint256 delta = session.dialogue.challenge(Label.DELTA);
            uint256 right = Points.begin();
            Points.add(right, session.right, 1);
            uint256 weight = 1;
            uint256 shared;
            uint256 values;
            for (uint256 i; i < count; ++i) {
                uint256 claim = claims + 128 * i;
                weight = mulmod(weight, delta, r);
                shared = addmod(shared, weight, r);
                values = addmod(values, mulmod(weight, Field.load(claim + 32), r), r);
                Points.add(right, claim + 64, weight);
                uint256 omega = Batches.power(blob.batchVariables, Field.load(claim), r);
                Points.add(session.left, claim + 64, mulmod(weight, omega, r));
            }
            uint256 last = session.points + 64 * (blob.witnessRows + blob.helperRows - 1);
            Points.add(session.left, last, shared);
            Points.add(session.left, session.generator, r - values);
            if (!Points.pairingHolds(session.left, right, blob.tauG2)) revert OpeningDoesNotFit();
        }
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
        if (!session.traced) return;
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
