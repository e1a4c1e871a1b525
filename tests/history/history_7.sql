BEGIN TRANSACTION;
CREATE TABLE build_inputs (
    target TEXT PRIMARY KEY,
    inputs TEXT NOT NULL
);
CREATE TABLE build_steps (
    build INTEGER NOT NULL REFERENCES builds (id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    keyword TEXT NOT NULL,
    cached INTEGER NOT NULL,
    begins REAL NOT NULL,
    seconds REAL NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (build, number)
) WITHOUT ROWID;
INSERT INTO "build_steps" VALUES(1,0,'RUN make','RUN',0,0.5,4.0,'');
INSERT INTO "build_steps" VALUES(2,0,'RUN make','RUN',0,0.5,4.0,'');
INSERT INTO "build_steps" VALUES(3,0,'RUN make','RUN',0,0.5,4.0,'');
INSERT INTO "build_steps" VALUES(4,0,'RUN make','RUN',0,0.5,4.0,'');
INSERT INTO "build_steps" VALUES(5,0,'RUN make','RUN',0,0.5,4.0,'');
CREATE TABLE builds (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    target TEXT NOT NULL,
    services TEXT NOT NULL,
    builder TEXT NOT NULL,
    revision TEXT,
    started TEXT NOT NULL,
    begins REAL NOT NULL,
    seconds REAL NOT NULL,
    worked REAL NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    cacheable INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    context_bytes INTEGER NOT NULL,
    pulled_bytes INTEGER NOT NULL,
    image TEXT NOT NULL,
    image_bytes INTEGER,
    layers INTEGER,
    missed TEXT NOT NULL,
    cause TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    record TEXT NOT NULL
);
INSERT INTO "builds" VALUES(1,'r1','api','api','default','abc','2026-01-01T00:00:00+00:00',0.0,10.0,9.0,'built','',1,4,0,0,0,'',100,NULL,'','','','x0');
INSERT INTO "builds" VALUES(2,'r1','api','api','default','abc','2026-01-02T00:00:00+00:00',0.0,11.0,9.0,'failed','',1,4,1,0,0,'',100,NULL,'','','','x1');
INSERT INTO "builds" VALUES(3,'r1','api','api','default','abc','2026-01-03T00:00:00+00:00',0.0,12.0,9.0,'built','',1,4,2,0,0,'',100,NULL,'','','','');
INSERT INTO "builds" VALUES(4,'r1','web','web','default','abc','2026-01-04T00:00:00+00:00',0.0,13.0,9.0,'built','',1,4,0,0,0,'',100,NULL,'','','','');
INSERT INTO "builds" VALUES(5,'r1','web','web','default','abc','2026-01-05T00:00:00+00:00',0.0,14.0,9.0,'skipped','',1,4,1,0,0,'',100,NULL,'','','','');
CREATE TABLE crew_steps (
    run TEXT NOT NULL,
    number INTEGER NOT NULL,
    role TEXT NOT NULL,
    step TEXT NOT NULL,
    command TEXT NOT NULL,
    began TEXT NOT NULL,
    seconds REAL,
    code INTEGER,
    file TEXT,
    digest TEXT,
    PRIMARY KEY (run, number)
);
CREATE TABLE deployed_services (
    deployment TEXT NOT NULL REFERENCES deployments (id),
    service TEXT NOT NULL,
    strategy TEXT NOT NULL,
    before_image TEXT NOT NULL,
    after_image TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    seconds REAL,
    away REAL,
    healthy REAL,
    PRIMARY KEY (deployment, service)
) WITHOUT ROWID;
CREATE TABLE deployment_steps (
    deployment TEXT NOT NULL REFERENCES deployments (id),
    number INTEGER NOT NULL,
    service TEXT NOT NULL,
    step TEXT NOT NULL,
    direction TEXT NOT NULL,
    detail TEXT NOT NULL,
    started TEXT NOT NULL,
    seconds REAL,
    PRIMARY KEY (deployment, number)
) WITHOUT ROWID;
CREATE TABLE deployments (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    started TEXT NOT NULL,
    seconds REAL,
    git TEXT,
    pid INTEGER NOT NULL,
    phase TEXT NOT NULL,
    outcome TEXT,
    reason TEXT NOT NULL,
    plan TEXT NOT NULL
);
CREATE TABLE fleet_builds (
    run TEXT PRIMARY KEY,
    started TEXT NOT NULL,
    seconds REAL,
    pid INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    revision TEXT,
    builders TEXT NOT NULL,
    asked INTEGER NOT NULL,
    busy REAL,
    bound REAL,
    peak_memory INTEGER,
    outcome TEXT
);
INSERT INTO "fleet_builds" VALUES('r1','2026-01-01T00:00:00+00:00',NULL,1,2,'abc','default',2,NULL,NULL,NULL,NULL);
CREATE TABLE proofs (
    key TEXT PRIMARY KEY,
    kept TEXT NOT NULL,
    proof TEXT NOT NULL
);
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    started TEXT NOT NULL,
    ended TEXT,
    outcome TEXT
);
INSERT INTO "runs" VALUES('opt-1','optimize','2026-11-26T01:04:35+00:00','2026-11-26T01:04:35+00:00','done');
CREATE TABLE scans (
    run TEXT NOT NULL,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    started TEXT NOT NULL,
    revision TEXT,
    image TEXT NOT NULL,
    services TEXT NOT NULL,
    parts TEXT NOT NULL,
    packages INTEGER NOT NULL,
    counts TEXT NOT NULL,
    secrets INTEGER NOT NULL,
    unchecked INTEGER NOT NULL,
    as_of TEXT,
    outcome TEXT NOT NULL,
    PRIMARY KEY (run, target)
);
CREATE TABLE scores (
    run TEXT NOT NULL,
    started TEXT NOT NULL,
    revision TEXT,
    name TEXT NOT NULL,
    overall REAL NOT NULL,
    categories TEXT NOT NULL,
    PRIMARY KEY (run, name)
);
CREATE TABLE step_seconds (
    target TEXT NOT NULL,
    name TEXT NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (target, name)
) WITHOUT ROWID;
INSERT INTO "step_seconds" VALUES('api','RUN make',4.0);
INSERT INTO "step_seconds" VALUES('web','RUN make',4.0);
CREATE TABLE usage (
    subject INTEGER NOT NULL REFERENCES usage_subjects (id),
    width INTEGER NOT NULL,
    start INTEGER NOT NULL,
    last REAL NOT NULL,
    samples INTEGER NOT NULL,
    seconds REAL NOT NULL,
    cpu_mean REAL,
    cpu_p95 REAL,
    cpu_max REAL,
    cpu_limit REAL,
    periods INTEGER NOT NULL,
    throttled INTEGER NOT NULL,
    memory_max INTEGER,
    memory_last INTEGER,
    memory_limit INTEGER,
    uptime REAL,
    ooms INTEGER NOT NULL,
    restarts INTEGER NOT NULL,
    health_changes INTEGER NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    bytes_read INTEGER NOT NULL,
    bytes_written INTEGER NOT NULL,
    PRIMARY KEY (subject, width, start)
) WITHOUT ROWID;
INSERT INTO "usage" VALUES(1,60,3600,3655.0,6,60.0,0.25,0.5,0.75,1.0,600,6,360,200,1000,10.0,1,2,3,4,5,6,7);
INSERT INTO "usage" VALUES(1,60,3660,3715.0,6,60.0,0.25,0.5,0.75,1.0,600,6,361,200,1000,10.0,1,2,3,4,5,6,7);
INSERT INTO "usage" VALUES(1,60,7140,7195.0,6,60.0,0.25,0.5,0.75,1.0,600,6,419,200,1000,10.0,1,2,3,4,5,6,7);
INSERT INTO "usage" VALUES(1,60,7200,7255.0,6,60.0,0.25,0.5,0.75,1.0,600,6,420,200,1000,10.0,1,2,3,4,5,6,7);
INSERT INTO "usage" VALUES(1,60,9000,9055.0,6,60.0,0.25,0.5,0.75,1.0,600,6,450,200,1000,10.0,1,2,3,4,5,6,7);
INSERT INTO "usage" VALUES(1,3600,0,3595.0,18,180.0,0.25,0.5,0.75,1.0,1800,18,359,200,1000,10.0,3,6,9,12,15,18,21);
INSERT INTO "usage" VALUES(2,60,1860,1915.0,6,60.0,0.25,0.5,0.75,1.0,600,6,331,200,1000,10.0,1,2,3,4,5,6,7);
INSERT INTO "usage" VALUES(2,60,6000,6055.0,6,60.0,0.25,0.5,0.75,1.0,600,6,400,200,1000,10.0,1,2,3,4,5,6,7);
INSERT INTO "usage" VALUES(2,60,12000,12055.0,6,60.0,0.25,0.5,0.75,1.0,600,6,500,200,1000,10.0,1,2,3,4,5,6,7);
INSERT INTO "usage" VALUES(2,3600,0,1855.0,6,60.0,0.25,0.5,0.75,1.0,600,6,330,200,1000,10.0,0,2,3,4,5,6,7);
CREATE TABLE usage_observers (
    project TEXT PRIMARY KEY,
    observer TEXT NOT NULL,
    until REAL NOT NULL
);
CREATE TABLE usage_places (
    project TEXT NOT NULL,
    service TEXT NOT NULL,
    number INTEGER NOT NULL,
    image TEXT NOT NULL,
    config TEXT NOT NULL,
    seen REAL NOT NULL,
    state TEXT NOT NULL,
    health TEXT NOT NULL,
    memory INTEGER,
    memory_limit INTEGER,
    cpu_limit REAL,
    cpu_seconds REAL NOT NULL,
    periods INTEGER NOT NULL,
    throttled INTEGER NOT NULL,
    ooms INTEGER NOT NULL,
    restarts INTEGER NOT NULL,
    health_changes INTEGER NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    bytes_read INTEGER NOT NULL,
    bytes_written INTEGER NOT NULL,
    PRIMARY KEY (project, service, number)
) WITHOUT ROWID;
CREATE TABLE usage_subjects (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    service TEXT NOT NULL,
    number INTEGER NOT NULL,
    image TEXT NOT NULL,
    config TEXT NOT NULL,
    UNIQUE (project, service, number, image, config)
);
INSERT INTO "usage_subjects" VALUES(1,'shop','api',1,'sha256:a','c1');
INSERT INTO "usage_subjects" VALUES(2,'shop','web',1,'sha256:b','c1');
CREATE TABLE verdicts (
    run TEXT NOT NULL REFERENCES runs (id),
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    rules TEXT NOT NULL,
    before_bytes INTEGER,
    after_bytes INTEGER,
    PRIMARY KEY (run, path)
);
INSERT INTO "verdicts" VALUES('opt-1','api/Dockerfile','accepted','same behaviour','DF101',400,200);
CREATE INDEX builds_of_target ON builds (target, id);
CREATE INDEX builds_of_run ON builds (run);
CREATE UNIQUE INDEX builds_by_record ON builds (record) WHERE record != '';
CREATE INDEX scans_by_time ON scans (started);
CREATE INDEX deployments_of_project ON deployments (project, revision);
COMMIT;
PRAGMA user_version = 7;
