CREATE TABLE alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE answers (
    job_id character varying(32) NOT NULL,
    outputs text NOT NULL,
    input_scheme integer NOT NULL,
    input_value character varying(66) NOT NULL,
    preview text NOT NULL,
    seconds double precision NOT NULL,
    at bigint NOT NULL,
    program text,
    provider character varying(64) DEFAULT ''::character varying NOT NULL
);
CREATE TABLE api_keys (
    id character varying(16) NOT NULL,
    name character varying(100) NOT NULL,
    digest character varying(66) NOT NULL,
    scopes character varying(200) NOT NULL,
    per_minute integer,
    created_at bigint NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    jobs integer,
    streams integer,
    priority integer
);
CREATE TABLE dead_letters (
    job_id character varying(32) NOT NULL,
    leg integer NOT NULL,
    task character varying(16) NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE dispute_claims (
    node character varying(200) NOT NULL,
    claim_id character varying(66) NOT NULL,
    order_id character varying(66) NOT NULL,
    leg integer NOT NULL,
    model_key character varying(66) NOT NULL,
    provider character varying(42) NOT NULL,
    traced text NOT NULL,
    window_end bigint NOT NULL,
    block bigint NOT NULL,
    "position" integer NOT NULL,
    verdict character varying(16) NOT NULL,
    reason text NOT NULL,
    ended boolean NOT NULL
);
CREATE TABLE dispute_moves (
    node character varying(200) NOT NULL,
    move character varying(66) NOT NULL,
    claim_id character varying(66) NOT NULL,
    kind character varying(32) NOT NULL,
    nonce bigint NOT NULL,
    transaction_hash character varying(66) NOT NULL,
    begun_at bigint NOT NULL
);
CREATE TABLE evidence (
    job_id character varying(32) NOT NULL,
    leg integer NOT NULL,
    system character varying(64) NOT NULL,
    selector character varying(10) NOT NULL,
    record character varying(66) NOT NULL,
    deadline bigint NOT NULL,
    share_bps integer NOT NULL,
    state character varying(16) NOT NULL,
    batches text DEFAULT ''::text NOT NULL,
    queue character varying(16) DEFAULT 'prove'::character varying NOT NULL
);
CREATE TABLE idempotency_keys (
    owner character varying(16) NOT NULL,
    key character varying(255) NOT NULL,
    fingerprint character varying(66) NOT NULL,
    job_id character varying(32) NOT NULL,
    locked_until bigint NOT NULL,
    status integer,
    answer text,
    created_at bigint NOT NULL
);
CREATE TABLE jobs (
    id character varying(32) NOT NULL,
    client_key character varying(200),
    request_digest character varying(66) NOT NULL,
    state character varying(16) NOT NULL,
    reason text NOT NULL,
    model character varying(66) NOT NULL,
    inputs text NOT NULL,
    salt character varying(66) NOT NULL,
    chain_id character varying(78) NOT NULL,
    market character varying(42) NOT NULL,
    order_id character varying(66) NOT NULL,
    provider character varying(42) NOT NULL,
    nonce character varying(78) NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deadline bigint NOT NULL,
    owner character varying(16) DEFAULT ''::character varying NOT NULL,
    priority integer DEFAULT 5 NOT NULL,
    traceparent character varying(55) DEFAULT ''::character varying NOT NULL
);
CREATE TABLE leases (
    job_id character varying(32) NOT NULL,
    leg integer NOT NULL,
    task character varying(16) NOT NULL,
    attempts integer NOT NULL,
    holder character varying(200) NOT NULL,
    token character varying(32) NOT NULL,
    acquired_at bigint NOT NULL,
    heartbeat_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    stage character varying(32) NOT NULL,
    percent integer NOT NULL,
    eta_seconds bigint,
    reserved bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE market_events (
    market character varying(121) NOT NULL,
    block bigint NOT NULL,
    "position" integer NOT NULL,
    order_id character varying(66) NOT NULL,
    leg integer,
    kind character varying(32) NOT NULL,
    transaction_hash character varying(66) NOT NULL,
    account character varying(42) NOT NULL,
    amounts text NOT NULL,
    decimals integer,
    gas bigint
);
CREATE TABLE memory_claims (
    job_id character varying(32) NOT NULL,
    leg integer NOT NULL,
    machine character varying(200) NOT NULL,
    bytes bigint NOT NULL,
    since bigint NOT NULL,
    seen bigint NOT NULL
);
CREATE TABLE node_blocks (
    node character varying(200) NOT NULL,
    number bigint NOT NULL,
    hash character varying(66) NOT NULL
);
CREATE TABLE node_deliveries (
    node character varying(200) NOT NULL,
    order_id character varying(66) NOT NULL,
    leg integer NOT NULL,
    bundle_digest character varying(66) NOT NULL,
    bundle_uri text NOT NULL,
    refused text NOT NULL
);
CREATE TABLE node_orders (
    node character varying(200) NOT NULL,
    order_id character varying(66) NOT NULL,
    nonce character varying(78) NOT NULL,
    requested_block bigint NOT NULL,
    terms text NOT NULL,
    status character varying(16) NOT NULL,
    reason text NOT NULL,
    ended_block bigint
);
CREATE TABLE observations (
    metric character varying(48) NOT NULL,
    label character varying(64) NOT NULL,
    bucket integer NOT NULL,
    count bigint NOT NULL,
    total double precision NOT NULL
);
CREATE TABLE outbox (
    id bigint NOT NULL,
    job_id character varying(32) NOT NULL,
    leg integer NOT NULL,
    task character varying(16) NOT NULL,
    created_at bigint NOT NULL,
    not_before bigint NOT NULL,
    claimed_until bigint NOT NULL,
    sent_at bigint
);
CREATE SEQUENCE outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE outbox_id_seq OWNED BY outbox.id;
CREATE TABLE payments (
    job_id character varying(32) NOT NULL,
    leg integer NOT NULL,
    reference character varying(200) NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE proofs (
    job_id character varying(32) NOT NULL,
    leg integer NOT NULL,
    record character varying(66) NOT NULL,
    statement character varying(66) NOT NULL,
    file character varying(200) NOT NULL,
    sha256 character varying(66) NOT NULL,
    size bigint NOT NULL,
    seconds double precision NOT NULL,
    at bigint NOT NULL,
    batch integer DEFAULT 1 NOT NULL,
    members integer DEFAULT 1 NOT NULL,
    place integer
);
CREATE TABLE rate_limits (
    bucket character varying(200) NOT NULL,
    arrival bigint NOT NULL
);
CREATE TABLE transitions (
    id bigint NOT NULL,
    job_id character varying(32) NOT NULL,
    from_state character varying(16) NOT NULL,
    to_state character varying(16) NOT NULL,
    reason text NOT NULL,
    at bigint NOT NULL
);
CREATE SEQUENCE transitions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE transitions_id_seq OWNED BY transitions.id;
CREATE TABLE watch_findings (
    node character varying(200) NOT NULL,
    claim_id character varying(66) NOT NULL,
    epoch bigint NOT NULL,
    traced text NOT NULL,
    refutation bytea NOT NULL
);
CREATE TABLE watch_trees (
    node character varying(200) NOT NULL,
    epoch bigint NOT NULL,
    root character varying(66) NOT NULL,
    leaves bytea NOT NULL
);
CREATE TABLE webhook_deliveries (
    id character varying(40) NOT NULL,
    webhook_id character varying(32) NOT NULL,
    job_id character varying(32) NOT NULL,
    event character varying(40) NOT NULL,
    body text NOT NULL,
    created_at bigint NOT NULL,
    due_at bigint,
    claimed_until bigint NOT NULL,
    attempts integer NOT NULL,
    delivered_at bigint,
    dead_at bigint,
    status integer,
    error character varying(200) NOT NULL
);
CREATE TABLE webhooks (
    id character varying(32) NOT NULL,
    owner character varying(16) NOT NULL,
    job_id character varying(32),
    url text NOT NULL,
    secret character varying(200) NOT NULL,
    events character varying(400) NOT NULL,
    created_at bigint NOT NULL,
    disabled_at bigint
);
ALTER TABLE ONLY outbox ALTER COLUMN id SET DEFAULT nextval('outbox_id_seq'::regclass);
ALTER TABLE ONLY transitions ALTER COLUMN id SET DEFAULT nextval('transitions_id_seq'::regclass);
INSERT INTO alembic_version VALUES ('0014');
INSERT INTO answers VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '{"tensors":[{"type":"int32","shape":[1],"data":"AAAACg=="}],"specs":[]}', 1, '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', '{}', 0.25, 1700000000500, NULL, '');
INSERT INTO dispute_claims VALUES ('1:0x00:challenger:0x00', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', 0, '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', '0x0000000000000000000000000000000000000000', '{}', 1800000000, 17, 3, 'agrees', '', false);
INSERT INTO dispute_moves VALUES ('1:0x00:challenger:0x00', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', 'Open', 5, '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', 1700000000000);
INSERT INTO evidence VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 0, 'tiny/v1', '0x09998ead', '0x904fe86546f5b873c8299d739f0980b3ba05bbf4c62cdd174778d6d65d0de59f', 1800000000000, 10000, 'locked', '', 'prove');
INSERT INTO evidence VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 0, 'tiny/v1', '0x09998ead', '0x904fe86546f5b873c8299d739f0980b3ba05bbf4c62cdd174778d6d65d0de59f', 1800000000000, 10000, 'delivered', '', 'prove');
INSERT INTO jobs VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'key-a', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', 'queued', 'as it was', '0xea6c23022763f846543c877566998374118dd14cfabd20773e0c1b085020df87', '[{"type":"int16","shape":[4],"data":"AAEAAgADAAQ="}]', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', '0', '0x0000000000000000000000000000000000000000', '0x0000000000000000000000000000000000000000000000000000000000000000', '0x0000000000000000000000000000000000000000', '7', 1700000000000, 1700000001000, 1800000000000, '', 5, '');
INSERT INTO jobs VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'key-b', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', 'proven', 'as it was', '0xea6c23022763f846543c877566998374118dd14cfabd20773e0c1b085020df87', '[{"type":"int16","shape":[4],"data":"AAEAAgADAAQ="}]', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', '0', '0x0000000000000000000000000000000000000000', '0x0000000000000000000000000000000000000000000000000000000000000000', '0x0000000000000000000000000000000000000000', '7', 1700000000000, 1700000001000, 1800000000000, '', 5, '');
INSERT INTO leases VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 0, 'infer', 1, '', '', 0, 0, 0, 'done', 100, NULL, 0);
INSERT INTO leases VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 0, 'infer', 1, '', '', 0, 0, 0, 'done', 100, NULL, 0);
INSERT INTO node_blocks VALUES ('1:0x00:provider:0x00', 17, '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e');
INSERT INTO node_deliveries VALUES ('1:0x00:provider:0x00', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', 0, '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', 'ZmlsZTov', '');
INSERT INTO node_orders VALUES ('1:0x00:provider:0x00', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', '1', 5, '{}', 'active', '', NULL);
INSERT INTO outbox VALUES (1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 0, 'infer', 1700000000000, 0, 0, NULL);
INSERT INTO payments VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 0, 'order 0x01', 1700000002000);
INSERT INTO proofs VALUES ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 0, '0x904fe86546f5b873c8299d739f0980b3ba05bbf4c62cdd174778d6d65d0de59f', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', '5e.avow.json', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', 1234, 1.5, 1700000001000, 1, 1, NULL);
INSERT INTO transitions VALUES (1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'queued', 'queued', 'submitted', 1700000000000);
INSERT INTO transitions VALUES (2, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'queued', 'queued', 'submitted', 1700000000000);
INSERT INTO watch_findings VALUES ('1:0x00:challenger:0x00', '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', 3000000, '{}', '\x72656675746174696f6e');
INSERT INTO watch_trees VALUES ('1:0x00:challenger:0x00', 3000000, '0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e', '\x0000000000000000000000000000000000000000000000000000000000000000');
SELECT pg_catalog.setval('outbox_id_seq', 1, true);
SELECT pg_catalog.setval('transitions_id_seq', 2, true);
ALTER TABLE ONLY alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY answers
    ADD CONSTRAINT pk_answers PRIMARY KEY (job_id);
ALTER TABLE ONLY api_keys
    ADD CONSTRAINT pk_api_keys PRIMARY KEY (id);
ALTER TABLE ONLY dead_letters
    ADD CONSTRAINT pk_dead_letters PRIMARY KEY (job_id);
ALTER TABLE ONLY dispute_claims
    ADD CONSTRAINT pk_dispute_claims PRIMARY KEY (node, claim_id);
ALTER TABLE ONLY dispute_moves
    ADD CONSTRAINT pk_dispute_moves PRIMARY KEY (node, move);
ALTER TABLE ONLY evidence
    ADD CONSTRAINT pk_evidence PRIMARY KEY (job_id, leg);
ALTER TABLE ONLY idempotency_keys
    ADD CONSTRAINT pk_idempotency_keys PRIMARY KEY (owner, key);
ALTER TABLE ONLY jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (id);
ALTER TABLE ONLY leases
    ADD CONSTRAINT pk_leases PRIMARY KEY (job_id, leg, task);
ALTER TABLE ONLY market_events
    ADD CONSTRAINT pk_market_events PRIMARY KEY (market, block, "position");
ALTER TABLE ONLY memory_claims
    ADD CONSTRAINT pk_memory_claims PRIMARY KEY (job_id, leg);
ALTER TABLE ONLY node_blocks
    ADD CONSTRAINT pk_node_blocks PRIMARY KEY (node, number);
ALTER TABLE ONLY node_deliveries
    ADD CONSTRAINT pk_node_deliveries PRIMARY KEY (node, order_id, leg);
ALTER TABLE ONLY node_orders
    ADD CONSTRAINT pk_node_orders PRIMARY KEY (node, order_id);
ALTER TABLE ONLY observations
    ADD CONSTRAINT pk_observations PRIMARY KEY (metric, label, bucket);
ALTER TABLE ONLY outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY payments
    ADD CONSTRAINT pk_payments PRIMARY KEY (job_id, leg);
ALTER TABLE ONLY proofs
    ADD CONSTRAINT pk_proofs PRIMARY KEY (job_id, leg);
ALTER TABLE ONLY rate_limits
    ADD CONSTRAINT pk_rate_limits PRIMARY KEY (bucket);
ALTER TABLE ONLY transitions
    ADD CONSTRAINT pk_transitions PRIMARY KEY (id);
ALTER TABLE ONLY watch_findings
    ADD CONSTRAINT pk_watch_findings PRIMARY KEY (node, claim_id);
ALTER TABLE ONLY watch_trees
    ADD CONSTRAINT pk_watch_trees PRIMARY KEY (node, epoch, root);
ALTER TABLE ONLY webhook_deliveries
    ADD CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id);
ALTER TABLE ONLY webhooks
    ADD CONSTRAINT pk_webhooks PRIMARY KEY (id);
ALTER TABLE ONLY dispute_moves
    ADD CONSTRAINT uq_dispute_moves_node_nonce UNIQUE (node, nonce);
ALTER TABLE ONLY jobs
    ADD CONSTRAINT uq_jobs_client_key UNIQUE (client_key);
CREATE INDEX ix_dead_letters_at ON dead_letters USING btree (at);
CREATE INDEX ix_dispute_claims_node_ended ON dispute_claims USING btree (node, ended);
CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys USING btree (created_at);
CREATE INDEX ix_jobs_created_at ON jobs USING btree (created_at, id);
CREATE INDEX ix_jobs_deadline ON jobs USING btree (deadline);
CREATE INDEX ix_jobs_owner_state ON jobs USING btree (owner, state);
CREATE INDEX ix_jobs_state_updated_at ON jobs USING btree (state, updated_at);
CREATE INDEX ix_leases_expires_at ON leases USING btree (expires_at);
CREATE INDEX ix_market_events_order_id ON market_events USING btree (order_id);
CREATE INDEX ix_memory_claims_machine ON memory_claims USING btree (machine);
CREATE INDEX ix_node_orders_node_status ON node_orders USING btree (node, status);
CREATE INDEX ix_outbox_job_id ON outbox USING btree (job_id);
CREATE INDEX ix_outbox_sent_at_not_before ON outbox USING btree (sent_at, not_before);
CREATE INDEX ix_proofs_record ON proofs USING btree (record);
CREATE INDEX ix_proofs_statement ON proofs USING btree (statement);
CREATE INDEX ix_rate_limits_arrival ON rate_limits USING btree (arrival);
CREATE INDEX ix_transitions_job_id ON transitions USING btree (job_id);
CREATE INDEX ix_watch_findings_node_epoch ON watch_findings USING btree (node, epoch);
CREATE INDEX ix_webhook_deliveries_created_at ON webhook_deliveries USING btree (created_at);
CREATE INDEX ix_webhook_deliveries_due_at ON webhook_deliveries USING btree (due_at);
CREATE INDEX ix_webhook_deliveries_webhook_id ON webhook_deliveries USING btree (webhook_id);
CREATE INDEX ix_webhooks_job_id ON webhooks USING btree (job_id);
CREATE INDEX ix_webhooks_owner ON webhooks USING btree (owner);
ALTER TABLE ONLY answers
    ADD CONSTRAINT fk_answers_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
ALTER TABLE ONLY dead_letters
    ADD CONSTRAINT fk_dead_letters_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
ALTER TABLE ONLY evidence
    ADD CONSTRAINT fk_evidence_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
ALTER TABLE ONLY leases
    ADD CONSTRAINT fk_leases_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
ALTER TABLE ONLY memory_claims
    ADD CONSTRAINT fk_memory_claims_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
ALTER TABLE ONLY outbox
    ADD CONSTRAINT fk_outbox_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
ALTER TABLE ONLY payments
    ADD CONSTRAINT fk_payments_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
ALTER TABLE ONLY proofs
    ADD CONSTRAINT fk_proofs_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
ALTER TABLE ONLY transitions
    ADD CONSTRAINT fk_transitions_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
ALTER TABLE ONLY webhook_deliveries
    ADD CONSTRAINT fk_webhook_deliveries_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
ALTER TABLE ONLY webhook_deliveries
    ADD CONSTRAINT fk_webhook_deliveries_webhook_id FOREIGN KEY (webhook_id) REFERENCES webhooks(id);
ALTER TABLE ONLY webhooks
    ADD CONSTRAINT fk_webhooks_job_id FOREIGN KEY (job_id) REFERENCES jobs(id);
