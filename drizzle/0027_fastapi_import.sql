-- The import of a FastAPI Chat Backend: which user here is which user there, and how far the import of the messages is.
CREATE TABLE "public"."fastapi_users" (
	"source_id" bigint PRIMARY KEY NOT NULL,
	"user_id" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "public"."fastapi_import" (
	"only" boolean PRIMARY KEY DEFAULT true NOT NULL CHECK ("only"),
	"room_id" integer NOT NULL,
	"last_id" bigint NOT NULL
);
