ALTER FUNCTION "public"."chat_append"(integer[], integer[], text[], text[], text[], text[], text[]) RESET lock_timeout;
