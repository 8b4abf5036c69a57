BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0014');
CREATE TABLE answers (
	job_id VARCHAR(32) NOT NULL, 
	outputs TEXT NOT NULL, 
	input_scheme INTEGER NOT NULL, 
	input_value VARCHAR(66) NOT NULL, 
	preview TEXT NOT NULL, 
	seconds DOUBLE NOT NULL, 
	at BIGINT NOT NULL, program TEXT, provider VARCHAR(64) DEFAULT '' NOT NULL, 
	CONSTRAINT pk_answers PRIMARY KEY (job_id), 
	CONSTRAINT fk_answers_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "answers" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','{"tensors":[{"type":"int32","shape":[1],"data":"AAAACg=="}],"specs":[]}',1,'0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','{}',0.25,1700000000500,NULL,'');
CREATE TABLE api_keys (
	id VARCHAR(16) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	digest VARCHAR(66) NOT NULL, 
	scopes VARCHAR(200) NOT NULL, 
	per_minute INTEGER, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	revoked_at BIGINT, jobs INTEGER, streams INTEGER, priority INTEGER, 
	CONSTRAINT pk_api_keys PRIMARY KEY (id)
);
CREATE TABLE dead_letters (
	job_id VARCHAR(32) NOT NULL, 
	leg INTEGER NOT NULL, 
	task VARCHAR(16) NOT NULL, 
	attempts INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_dead_letters PRIMARY KEY (job_id), 
	CONSTRAINT fk_dead_letters_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
CREATE TABLE dispute_claims (
	node VARCHAR(200) NOT NULL, 
	claim_id VARCHAR(66) NOT NULL, 
	order_id VARCHAR(66) NOT NULL, 
	leg INTEGER NOT NULL, 
	model_key VARCHAR(66) NOT NULL, 
	provider VARCHAR(42) NOT NULL, 
	traced TEXT NOT NULL, 
	window_end BIGINT NOT NULL, 
	block BIGINT NOT NULL, 
	position INTEGER NOT NULL, 
	verdict VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	ended BOOLEAN NOT NULL, 
	CONSTRAINT pk_dispute_claims PRIMARY KEY (node, claim_id)
);
INSERT INTO "dispute_claims" VALUES('1:0x00:challenger:0x00','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e',0,'0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','0x0000000000000000000000000000000000000000','{}',1800000000,17,3,'agrees','',0);
CREATE TABLE dispute_moves (
	node VARCHAR(200) NOT NULL, 
	move VARCHAR(66) NOT NULL, 
	claim_id VARCHAR(66) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	nonce BIGINT NOT NULL, 
	transaction_hash VARCHAR(66) NOT NULL, 
	begun_at BIGINT NOT NULL, 
	CONSTRAINT pk_dispute_moves PRIMARY KEY (node, move), 
	CONSTRAINT uq_dispute_moves_node_nonce UNIQUE (node, nonce)
);
INSERT INTO "dispute_moves" VALUES('1:0x00:challenger:0x00','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','Open',5,'0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e',1700000000000);
CREATE TABLE evidence (
	job_id VARCHAR(32) NOT NULL, 
	leg INTEGER NOT NULL, 
	system VARCHAR(64) NOT NULL, 
	selector VARCHAR(10) NOT NULL, 
	record VARCHAR(66) NOT NULL, 
	deadline BIGINT NOT NULL, 
	share_bps INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, batches TEXT DEFAULT '' NOT NULL, queue VARCHAR(16) DEFAULT 'prove' NOT NULL, 
	CONSTRAINT pk_evidence PRIMARY KEY (job_id, leg), 
	CONSTRAINT fk_evidence_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "evidence" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',0,'tiny/v1','0x09998ead','0x904fe86546f5b873c8299d739f0980b3ba05bbf4c62cdd174778d6d65d0de59f',1800000000000,10000,'locked','','prove');
INSERT INTO "evidence" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',0,'tiny/v1','0x09998ead','0x904fe86546f5b873c8299d739f0980b3ba05bbf4c62cdd174778d6d65d0de59f',1800000000000,10000,'delivered','','prove');
CREATE TABLE idempotency_keys (
	owner VARCHAR(16) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	fingerprint VARCHAR(66) NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	locked_until BIGINT NOT NULL, 
	status INTEGER, 
	answer TEXT, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_idempotency_keys PRIMARY KEY (owner, "key")
);
CREATE TABLE jobs (
	id VARCHAR(32) NOT NULL, 
	client_key VARCHAR(200), 
	request_digest VARCHAR(66) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	model VARCHAR(66) NOT NULL, 
	inputs TEXT NOT NULL, 
	salt VARCHAR(66) NOT NULL, 
	chain_id VARCHAR(78) NOT NULL, 
	market VARCHAR(42) NOT NULL, 
	order_id VARCHAR(66) NOT NULL, 
	provider VARCHAR(42) NOT NULL, 
	nonce VARCHAR(78) NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	deadline BIGINT NOT NULL, owner VARCHAR(16) DEFAULT '' NOT NULL, priority INTEGER DEFAULT '5' NOT NULL, traceparent VARCHAR(55) DEFAULT '' NOT NULL, 
	CONSTRAINT pk_jobs PRIMARY KEY (id), 
	CONSTRAINT uq_jobs_client_key UNIQUE (client_key)
);
INSERT INTO "jobs" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','key-a','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','queued','as it was','0xea6c23022763f846543c877566998374118dd14cfabd20773e0c1b085020df87','[{"type":"int16","shape":[4],"data":"AAEAAgADAAQ="}]','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','0','0x0000000000000000000000000000000000000000','0x0000000000000000000000000000000000000000000000000000000000000000','0x0000000000000000000000000000000000000000','7',1700000000000,1700000001000,1800000000000,'',5,'');
INSERT INTO "jobs" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','key-b','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','proven','as it was','0xea6c23022763f846543c877566998374118dd14cfabd20773e0c1b085020df87','[{"type":"int16","shape":[4],"data":"AAEAAgADAAQ="}]','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','0','0x0000000000000000000000000000000000000000','0x0000000000000000000000000000000000000000000000000000000000000000','0x0000000000000000000000000000000000000000','7',1700000000000,1700000001000,1800000000000,'',5,'');
CREATE TABLE leases (
	job_id VARCHAR(32) NOT NULL, 
	leg INTEGER NOT NULL, 
	task VARCHAR(16) NOT NULL, 
	attempts INTEGER NOT NULL, 
	holder VARCHAR(200) NOT NULL, 
	token VARCHAR(32) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	heartbeat_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	stage VARCHAR(32) NOT NULL, 
	percent INTEGER NOT NULL, 
	eta_seconds BIGINT, reserved BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_leases PRIMARY KEY (job_id, leg, task), 
	CONSTRAINT fk_leases_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "leases" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',0,'infer',1,'','',0,0,0,'done',100,NULL,0);
INSERT INTO "leases" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',0,'infer',1,'','',0,0,0,'done',100,NULL,0);
CREATE TABLE market_events (
	market VARCHAR(121) NOT NULL, 
	block BIGINT NOT NULL, 
	position INTEGER NOT NULL, 
	order_id VARCHAR(66) NOT NULL, 
	leg INTEGER, 
	kind VARCHAR(32) NOT NULL, 
	transaction_hash VARCHAR(66) NOT NULL, 
	account VARCHAR(42) NOT NULL, 
	amounts TEXT NOT NULL, 
	decimals INTEGER, 
	gas BIGINT, 
	CONSTRAINT pk_market_events PRIMARY KEY (market, block, position)
);
CREATE TABLE memory_claims (
	job_id VARCHAR(32) NOT NULL, 
	leg INTEGER NOT NULL, 
	machine VARCHAR(200) NOT NULL, 
	bytes BIGINT NOT NULL, 
	since BIGINT NOT NULL, 
	seen BIGINT NOT NULL, 
	CONSTRAINT pk_memory_claims PRIMARY KEY (job_id, leg), 
	CONSTRAINT fk_memory_claims_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
CREATE TABLE node_blocks (
	node VARCHAR(200) NOT NULL, 
	number BIGINT NOT NULL, 
	hash VARCHAR(66) NOT NULL, 
	CONSTRAINT pk_node_blocks PRIMARY KEY (node, number)
);
INSERT INTO "node_blocks" VALUES('1:0x00:provider:0x00',17,'0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e');
CREATE TABLE node_deliveries (
	node VARCHAR(200) NOT NULL, 
	order_id VARCHAR(66) NOT NULL, 
	leg INTEGER NOT NULL, 
	bundle_digest VARCHAR(66) NOT NULL, 
	bundle_uri TEXT NOT NULL, 
	refused TEXT NOT NULL, 
	CONSTRAINT pk_node_deliveries PRIMARY KEY (node, order_id, leg)
);
INSERT INTO "node_deliveries" VALUES('1:0x00:provider:0x00','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e',0,'0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','ZmlsZTov','');
CREATE TABLE node_orders (
	node VARCHAR(200) NOT NULL, 
	order_id VARCHAR(66) NOT NULL, 
	nonce VARCHAR(78) NOT NULL, 
	requested_block BIGINT NOT NULL, 
	terms TEXT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	ended_block BIGINT, 
	CONSTRAINT pk_node_orders PRIMARY KEY (node, order_id)
);
INSERT INTO "node_orders" VALUES('1:0x00:provider:0x00','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','1',5,'{}','active','',NULL);
CREATE TABLE observations (
	metric VARCHAR(48) NOT NULL, 
	label VARCHAR(64) NOT NULL, 
	bucket INTEGER NOT NULL, 
	count BIGINT NOT NULL, 
	total DOUBLE NOT NULL, 
	CONSTRAINT pk_observations PRIMARY KEY (metric, label, bucket)
);
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	leg INTEGER NOT NULL, 
	task VARCHAR(16) NOT NULL, 
	created_at BIGINT NOT NULL, 
	not_before BIGINT NOT NULL, 
	claimed_until BIGINT NOT NULL, 
	sent_at BIGINT, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT fk_outbox_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "outbox" VALUES(1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',0,'infer',1700000000000,0,0,NULL);
CREATE TABLE payments (
	job_id VARCHAR(32) NOT NULL, 
	leg INTEGER NOT NULL, 
	reference VARCHAR(200) NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_payments PRIMARY KEY (job_id, leg), 
	CONSTRAINT fk_payments_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "payments" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',0,'order 0x01',1700000002000);
CREATE TABLE proofs (
	job_id VARCHAR(32) NOT NULL, 
	leg INTEGER NOT NULL, 
	record VARCHAR(66) NOT NULL, 
	statement VARCHAR(66) NOT NULL, 
	file VARCHAR(200) NOT NULL, 
	sha256 VARCHAR(66) NOT NULL, 
	size BIGINT NOT NULL, 
	seconds DOUBLE NOT NULL, 
	at BIGINT NOT NULL, batch INTEGER DEFAULT '1' NOT NULL, members INTEGER DEFAULT '1' NOT NULL, place INTEGER, 
	CONSTRAINT pk_proofs PRIMARY KEY (job_id, leg), 
	CONSTRAINT fk_proofs_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "proofs" VALUES('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',0,'0x904fe86546f5b873c8299d739f0980b3ba05bbf4c62cdd174778d6d65d0de59f','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e','5e.avow.json','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e',1234,1.5,1700000001000,1,1,NULL);
CREATE TABLE rate_limits (
	bucket VARCHAR(200) NOT NULL, 
	arrival BIGINT NOT NULL, 
	CONSTRAINT pk_rate_limits PRIMARY KEY (bucket)
);
CREATE TABLE transitions (
	id INTEGER NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	from_state VARCHAR(16) NOT NULL, 
	to_state VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_transitions PRIMARY KEY (id), 
	CONSTRAINT fk_transitions_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "transitions" VALUES(1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','queued','queued','submitted',1700000000000);
INSERT INTO "transitions" VALUES(2,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','queued','queued','submitted',1700000000000);
CREATE TABLE watch_findings (
	node VARCHAR(200) NOT NULL, 
	claim_id VARCHAR(66) NOT NULL, 
	epoch BIGINT NOT NULL, 
	traced TEXT NOT NULL, 
	refutation BLOB NOT NULL, 
	CONSTRAINT pk_watch_findings PRIMARY KEY (node, claim_id)
);
INSERT INTO "watch_findings" VALUES('1:0x00:challenger:0x00','0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e',3000000,'{}',X'72656675746174696F6E');
CREATE TABLE watch_trees (
	node VARCHAR(200) NOT NULL, 
	epoch BIGINT NOT NULL, 
	root VARCHAR(66) NOT NULL, 
	leaves BLOB NOT NULL, 
	CONSTRAINT pk_watch_trees PRIMARY KEY (node, epoch, root)
);
INSERT INTO "watch_trees" VALUES('1:0x00:challenger:0x00',3000000,'0x5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e',X'0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE webhook_deliveries (
	id VARCHAR(40) NOT NULL, 
	webhook_id VARCHAR(32) NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	event VARCHAR(40) NOT NULL, 
	body TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	due_at BIGINT, 
	claimed_until BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	delivered_at BIGINT, 
	dead_at BIGINT, 
	status INTEGER, 
	error VARCHAR(200) NOT NULL, 
	CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id), 
	CONSTRAINT fk_webhook_deliveries_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhooks (id), 
	CONSTRAINT fk_webhook_deliveries_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
CREATE TABLE webhooks (
	id VARCHAR(32) NOT NULL, 
	owner VARCHAR(16) NOT NULL, 
	job_id VARCHAR(32), 
	url TEXT NOT NULL, 
	secret VARCHAR(200) NOT NULL, 
	events VARCHAR(400) NOT NULL, 
	created_at BIGINT NOT NULL, 
	disabled_at BIGINT, 
	CONSTRAINT pk_webhooks PRIMARY KEY (id), 
	CONSTRAINT fk_webhooks_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
CREATE INDEX ix_jobs_deadline ON jobs (deadline);
CREATE INDEX ix_jobs_state_updated_at ON jobs (state, updated_at);
CREATE INDEX ix_leases_expires_at ON leases (expires_at);
CREATE INDEX ix_outbox_job_id ON outbox (job_id);
CREATE INDEX ix_outbox_sent_at_not_before ON outbox (sent_at, not_before);
CREATE INDEX ix_proofs_record ON proofs (record);
CREATE INDEX ix_proofs_statement ON proofs (statement);
CREATE INDEX ix_transitions_job_id ON transitions (job_id);
CREATE INDEX ix_node_orders_node_status ON node_orders (node, status);
CREATE INDEX ix_dead_letters_at ON dead_letters (at);
CREATE INDEX ix_jobs_created_at ON jobs (created_at, id);
CREATE INDEX ix_rate_limits_arrival ON rate_limits (arrival);
CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at);
CREATE INDEX ix_webhooks_owner ON webhooks (owner);
CREATE INDEX ix_webhooks_job_id ON webhooks (job_id);
CREATE INDEX ix_webhook_deliveries_webhook_id ON webhook_deliveries (webhook_id);
CREATE INDEX ix_webhook_deliveries_created_at ON webhook_deliveries (created_at);
CREATE INDEX ix_webhook_deliveries_due_at ON webhook_deliveries (due_at);
CREATE INDEX ix_market_events_order_id ON market_events (order_id);
CREATE INDEX ix_jobs_owner_state ON jobs (owner, state);
CREATE INDEX ix_memory_claims_machine ON memory_claims (machine);
CREATE INDEX ix_dispute_claims_node_ended ON dispute_claims (node, ended);
CREATE INDEX ix_watch_findings_node_epoch ON watch_findings (node, epoch);
COMMIT;
