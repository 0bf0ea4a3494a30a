-- +goose Up

-- How many records there are, kept with each batch, by spans of time.

CREATE TABLE tallies (
    kind    INTEGER NOT NULL, -- 0: of all, 1: of a decky, 2: of a service, 3: of a type, 4: of a service and a type
    value   TEXT    NOT NULL,
    second  TEXT    NOT NULL,
    span    INTEGER NOT NULL, -- microseconds: 15 minutes, of all a minute too
    start   INTEGER NOT NULL, -- a multiple of span
    records INTEGER NOT NULL,
    PRIMARY KEY (kind, value, second, span, start)
) STRICT, WITHOUT ROWID;

INSERT INTO tallies
    SELECT 0, '', '', 60000000, time - ((time % 60000000) + 60000000) % 60000000 AS at, COUNT(*) FROM records GROUP BY at;
INSERT INTO tallies
    SELECT 0, '', '', 900000000, start - ((start % 900000000) + 900000000) % 900000000 AS at, SUM(records) FROM tallies GROUP BY at;
INSERT INTO tallies
    SELECT 1, decky, '', 900000000, time - ((time % 900000000) + 900000000) % 900000000 AS at, COUNT(*) FROM records GROUP BY decky, at;
INSERT INTO tallies
    SELECT 4, service, type, 900000000, time - ((time % 900000000) + 900000000) % 900000000 AS at, COUNT(*) FROM records GROUP BY service, type, at;
INSERT INTO tallies
    SELECT 2, value, '', 900000000, start, SUM(records) FROM tallies WHERE kind = 4 GROUP BY value, start;
INSERT INTO tallies
    SELECT 3, second, '', 900000000, start, SUM(records) FROM tallies WHERE kind = 4 GROUP BY second, start;
