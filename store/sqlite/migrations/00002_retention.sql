-- +goose Up

-- What is deleted by its age is found by its age.

CREATE INDEX rejected_time ON rejected (time);
CREATE INDEX commands_time ON commands (time);
