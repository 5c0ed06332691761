-- What `fastify-chat status` shows of each process. Processes of older releases leave the columns empty.
ALTER TABLE "public"."processes"
	ADD COLUMN "host" text,
	ADD COLUMN "pid" integer,
	ADD COLUMN "started_at" timestamp (3) with time zone,
	ADD COLUMN "connections" integer,
	-- An object for each driver of the bus: `driver`, `lagMs`, `isFailing`.
	ADD COLUMN "bus" jsonb;
