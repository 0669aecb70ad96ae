-- Sessions of programs, which lists, statistics and exports leave out.

ALTER TABLE sessions ADD COLUMN bot BOOLEAN NOT NULL DEFAULT FALSE;
