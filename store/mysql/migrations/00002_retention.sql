-- +goose Up

-- What is deleted by its age is found by its age. Each index is made unless it is there.

SET @make = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'rejected_time') > 0,
    'DO 0', 'CREATE INDEX rejected_time ON rejected (time)');
PREPARE make FROM @make;
EXECUTE make;
SET @make = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = 'commands_time') > 0,
    'DO 0', 'CREATE INDEX commands_time ON commands (time)');
PREPARE make FROM @make;
EXECUTE make;
DEALLOCATE PREPARE make;
