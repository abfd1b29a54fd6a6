-- Batch models: what was trained, its bytes by their hash, and each step of its life in the order of the log.

CREATE TABLE ml_artifact (
    digest text PRIMARY KEY,
    body bytea NOT NULL
);
ALTER TABLE ml_artifact ALTER COLUMN body SET STORAGE EXTERNAL;

-- One row a version; `evidence` is its MLTrainingReport (TS 28.105).
CREATE TABLE ml_model (
    model text PRIMARY KEY,
    ml_model_id text NOT NULL,
    ml_model_version text NOT NULL,
    candidate_id text NOT NULL,
    time timestamptz NOT NULL,
    targets text[] NOT NULL,
    digest text NOT NULL REFERENCES ml_artifact (digest),
    evidence jsonb NOT NULL,
    source text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- `state` is what the version became with it: candidate, shadow, champion or retired. No targets: all of them.
CREATE TABLE ml_model_event (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    time timestamptz NOT NULL,
    model text NOT NULL REFERENCES ml_model (model),
    state text NOT NULL,
    targets text[] NOT NULL,
    by text NOT NULL,
    reason text NOT NULL,
    evidence jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON ml_model_event (model, number);
