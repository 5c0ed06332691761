-- A room that somebody else keeps locked must not hold up the messages of all rooms: the append fails, and its caller sets
-- that room aside. On the function and not on the session, because a transaction pooler keeps no session.
ALTER FUNCTION "public"."chat_append"(integer[], integer[], text[], text[], text[], text[], text[])
	SET lock_timeout = '1s';
