-- +goose Up

-- How many records there are, kept with each batch, by spans of time. Each statement may be run
-- again.

CREATE TABLE IF NOT EXISTS tallies (
    kind    SMALLINT        NOT NULL, -- 0: of all, 1: of a decky, 2: of a service, 3: of a type, 4: of a service and a type
    value   VARBINARY(1000) NOT NULL,
    second  VARBINARY(1000) NOT NULL,
    span    BIGINT          NOT NULL, -- microseconds: 15 minutes, of all a minute too
    start   BIGINT          NOT NULL, -- a multiple of span
    records BIGINT          NOT NULL,
    PRIMARY KEY (kind, value, second, span, start)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary;

REPLACE INTO tallies
    SELECT 0, '', '', 60000000, time - ((time % 60000000) + 60000000) % 60000000 AS at, COUNT(*) FROM records GROUP BY at;
REPLACE INTO tallies
    SELECT 0, '', '', 900000000, start - ((start % 900000000) + 900000000) % 900000000 AS at, SUM(records) FROM tallies WHERE kind = 0 AND span = 60000000 GROUP BY at;
REPLACE INTO tallies
    SELECT 1, decky, '', 900000000, time - ((time % 900000000) + 900000000) % 900000000 AS at, COUNT(*) FROM records GROUP BY decky, at;
REPLACE INTO tallies
    SELECT 4, service, type, 900000000, time - ((time % 900000000) + 900000000) % 900000000 AS at, COUNT(*) FROM records GROUP BY service, type, at;
REPLACE INTO tallies
    SELECT 2, value, '', 900000000, start, SUM(records) FROM tallies WHERE kind = 4 GROUP BY value, start;
REPLACE INTO tallies
    SELECT 3, second, '', 900000000, start, SUM(records) FROM tallies WHERE kind = 4 GROUP BY second, start;
