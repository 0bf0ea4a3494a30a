-- +goose Up

-- The tables of store/sqlite. Times are whole microseconds since the Unix epoch, in UTC. An
-- unknown attacker is ''. Every text is bytes, so that it comes back as it was and compares
-- as in SQLite. A data definition commits by itself: each statement may be run again.

CREATE TABLE IF NOT EXISTS records (
    id       BIGINT          NOT NULL PRIMARY KEY, -- assigned from totals.last_record, never reused
    time     BIGINT          NOT NULL,
    decky    VARBINARY(1000) NOT NULL,
    service  VARBINARY(1000) NOT NULL,
    type     VARBINARY(1000) NOT NULL,
    attacker VARBINARY(1000) NOT NULL,
    severity SMALLINT        NOT NULL,
    sensor   BOOLEAN         NOT NULL, -- 1: made by DECNET's own instruments
    fields   LONGBLOB        NOT NULL, -- JSON object of strings, in the order of emission
    msg      LONGBLOB        NOT NULL,
    trace_id BLOB,
    span_id  BLOB,
    raw      LONGBLOB        NOT NULL, -- the RFC 5424 line
    KEY records_time     (time),
    KEY records_decky    (decky, time),
    KEY records_service  (service, time),
    KEY records_type     (type, time),
    KEY records_attacker (attacker, time),
    KEY records_artifact (attacker, type, time)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

CREATE TABLE IF NOT EXISTS bounties (
    id         BIGINT          NOT NULL AUTO_INCREMENT PRIMARY KEY,
    digest     BINARY(32)      NOT NULL, -- SHA-256 of type, attacker, decky, service and canonical payload
    first_seen BIGINT          NOT NULL,
    last_seen  BIGINT          NOT NULL,
    count      BIGINT          NOT NULL,
    decky      VARBINARY(1000) NOT NULL,
    service    VARBINARY(1000) NOT NULL,
    attacker   VARBINARY(1000) NOT NULL,
    type       VARBINARY(1000) NOT NULL,
    payload    LONGBLOB        NOT NULL, -- JSON, as first seen
    UNIQUE KEY bounties_digest (attacker, digest), -- the attacker in front keeps what one writes together on few pages
    KEY bounties_seen (last_seen, id, type) -- there are few types: one index serves the list of all and of one
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

-- What is known of every address, kept with each batch.
CREATE TABLE IF NOT EXISTS sources (
    attacker    VARBINARY(1000) NOT NULL PRIMARY KEY,
    records     BIGINT          NOT NULL, -- without those of sensors
    bounties    BIGINT          NOT NULL,
    credentials BIGINT          NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

-- One row: what overviews show and where writers stand. Whoever writes locks it first.
CREATE TABLE IF NOT EXISTS totals (
    id               BIGINT NOT NULL PRIMARY KEY,
    records          BIGINT NOT NULL,
    attackers        BIGINT NOT NULL,
    bounties         BIGINT NOT NULL,
    last_record      BIGINT NOT NULL, -- the highest records.id ever assigned
    profiled_through BIGINT NOT NULL, -- the last records.id folded into attackers
    CONSTRAINT totals_one CHECK (id = 1)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;
INSERT IGNORE INTO totals VALUES (1, 0, 0, 0, 0, 0);

CREATE TABLE IF NOT EXISTS cursors (
    source     VARBINARY(3000) NOT NULL PRIMARY KEY,
    generation LONGBLOB        NOT NULL,
    position   BIGINT          NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

-- Lines that could not be understood.
CREATE TABLE IF NOT EXISTS rejected (
    id       BIGINT   NOT NULL AUTO_INCREMENT PRIMARY KEY,
    time     BIGINT   NOT NULL, -- when it was set aside
    source   LONGBLOB NOT NULL,
    position BIGINT   NOT NULL,
    line     LONGBLOB,
    reason   LONGBLOB NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

CREATE TABLE IF NOT EXISTS attackers (
    id          BIGINT          NOT NULL AUTO_INCREMENT PRIMARY KEY,
    uuid        VARBINARY(64)   NOT NULL,
    address     VARBINARY(1000) NOT NULL,
    first_seen  BIGINT          NOT NULL,
    last_seen   BIGINT          NOT NULL,
    events      BIGINT          NOT NULL,
    services    LONGBLOB        NOT NULL, -- JSON list, sorted
    deckies     LONGBLOB        NOT NULL, -- JSON list, in the order of first contact
    decky_count BIGINT          NOT NULL,
    traversal   LONGBLOB        NOT NULL,
    behavior    LONGBLOB,                 -- JSON object; NULL until profiled
    state       LONGBLOB,                 -- the profiler's own
    updated_at  BIGINT          NOT NULL,
    UNIQUE KEY attackers_uuid (uuid),
    UNIQUE KEY attackers_address (address),
    KEY attackers_recent     (last_seen DESC, address),
    KEY attackers_active     (events DESC, last_seen DESC, address),
    KEY attackers_traversals (decky_count DESC, last_seen DESC, address)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

CREATE TABLE IF NOT EXISTS attacker_services (
    service     VARBINARY(1000) NOT NULL,
    attacker_id BIGINT          NOT NULL,
    PRIMARY KEY (service, attacker_id),
    KEY attacker_services_attacker (attacker_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

CREATE TABLE IF NOT EXISTS commands (
    id          BIGINT          NOT NULL AUTO_INCREMENT PRIMARY KEY,
    attacker_id BIGINT          NOT NULL,
    time        BIGINT          NOT NULL,
    decky       VARBINARY(1000) NOT NULL,
    service     VARBINARY(1000) NOT NULL,
    text        LONGBLOB        NOT NULL,
    KEY commands_attacker (attacker_id, time),
    KEY commands_service  (attacker_id, service, time)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

CREATE TABLE IF NOT EXISTS fingerprints (
    id          BIGINT     NOT NULL AUTO_INCREMENT PRIMARY KEY,
    attacker_id BIGINT     NOT NULL,
    kind        LONGBLOB   NOT NULL,
    value       LONGBLOB   NOT NULL,
    raw         LONGBLOB   NOT NULL,
    digest      BINARY(32) AS (UNHEX(SHA2(CONCAT(UNHEX(SHA2(kind, 256)), value), 256))) STORED, -- a key has no room for kind and value
    UNIQUE KEY fingerprints_digest (attacker_id, digest)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

CREATE TABLE IF NOT EXISTS users (
    uuid                 VARBINARY(64)   NOT NULL PRIMARY KEY,
    username             VARBINARY(1000) NOT NULL,
    password_hash        LONGBLOB        NOT NULL,
    role                 VARBINARY(64)   NOT NULL,
    must_change_password BOOLEAN         NOT NULL,
    UNIQUE KEY users_username (username)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

CREATE TABLE IF NOT EXISTS revoked_tokens (
    id      VARBINARY(1000) NOT NULL PRIMARY KEY,
    expires BIGINT          NOT NULL,
    KEY revoked_tokens_expires (expires)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

CREATE TABLE IF NOT EXISTS state (
    name  VARBINARY(1000) NOT NULL PRIMARY KEY,
    value LONGBLOB        NOT NULL -- JSON
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;
