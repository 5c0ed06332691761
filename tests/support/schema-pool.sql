-- Implements the pool of schemas that schema-pool.ts uses. For each schema, stores a hash of its catalog, and the rows that the
-- migrations wrote.
create schema test_pool;

create table test_pool.schemas (
  name text primary key,
  is_idle boolean not null,
  catalog text not null,
  rows jsonb not null,
  sequences jsonb not null
);

-- Statements that grant a role its rights on the schema `public`.
create table test_pool.grants (statement text);

-- Returns a hash of the objects of a schema, their grants, and the statistics that the planner uses. The hash contains the
-- `xmin` of most catalog rows, because every update of a row changes its `xmin`. For `pg_class`, the hash contains columns
-- instead, because VACUUM and ANALYZE change the rows of `pg_class` in place, without a new `xmin`.
create function test_pool.catalog_of(target text) returns text language sql as $$
  with relations as (select class.oid as relation, class.* from pg_class class where relnamespace = target::regnamespace),
  parts (part) as (
    select concat_ws('|', relation, relname, relkind, relpersistence, relowner, relacl, reloptions, relnatts, relhasrules,
      relhastriggers, relrowsecurity, relforcerowsecurity, relreplident, relpages, reltuples) from relations
    union all select concat_ws('|', row.tableoid, row.oid, row.xmin) from pg_namespace row where row.nspname = target
    union all select concat_ws('|', row.tableoid, row.oid, row.xmin) from pg_type row where row.typnamespace = target::regnamespace
    union all select concat_ws('|', row.tableoid, row.oid, row.xmin) from pg_proc row where row.pronamespace = target::regnamespace
    union all select concat_ws('|', row.tableoid, row.oid, row.xmin) from pg_constraint row where row.connamespace = target::regnamespace
    union all select concat_ws('|', row.tableoid, row.oid, row.xmin) from pg_statistic_ext row where row.stxnamespace = target::regnamespace
    union all select concat_ws('|', row.tableoid, relation, row.attnum, row.xmin)
      from pg_attribute row join relations on row.attrelid = relation
    union all select concat_ws('|', row.tableoid, relation, row.oid, row.xmin)
      from pg_attrdef row join relations on row.adrelid = relation
    union all select concat_ws('|', row.tableoid, relation, row.indexrelid, row.xmin)
      from pg_index row join relations on row.indrelid = relation
    union all select concat_ws('|', row.tableoid, relation, row.oid, row.xmin)
      from pg_trigger row join relations on row.tgrelid = relation
    union all select concat_ws('|', row.tableoid, relation, row.oid, row.xmin)
      from pg_rewrite row join relations on row.ev_class = relation
    union all select concat_ws('|', row.tableoid, relation, row.oid, row.xmin)
      from pg_policy row join relations on row.polrelid = relation
    union all select concat_ws('|', row.tableoid, relation, row.seqrelid, row.xmin)
      from pg_sequence row join relations on row.seqrelid = relation
    union all select concat_ws('|', row.tableoid, relation, row.staattnum, row.xmin)
      from pg_statistic row join relations on row.starelid = relation
  )
  select md5(string_agg(part, ',' order by part)) from parts
$$;

create function test_pool.add(target text) returns void language plpgsql as $$
declare
  relation text;
  kind "char";
  content jsonb;
  rows jsonb := '{}';
  sequences jsonb := '{}';
begin
  for relation, kind in select relname, relkind from pg_class where relnamespace = target::regnamespace loop
    if kind = 'r' then
      execute format('select jsonb_agg(to_jsonb(row)) from %I.%I row', target, relation) into content;
      if content is not null then rows := rows || jsonb_build_object(relation, content); end if;
    elsif kind = 'S' then
      execute format('select to_jsonb(row) from (select * from %I.%I) row', target, relation) into content;
      sequences := sequences || jsonb_build_object(relation, content);
    end if;
  end loop;
  insert into test_pool.schemas values (target, false, test_pool.catalog_of(target), rows, sequences);
end
$$;

-- Returns the name of an idle schema, or null.
create function test_pool.take() returns text language sql as $$
  update test_pool.schemas set is_idle = false
  where name = (select name from test_pool.schemas where is_idle limit 1 for update skip locked)
  returning name
$$;

-- Restores the rows that a schema had after its migrations. Returns false if the schema can't be reused. Fails if a transaction
-- still uses one of its tables.
create function test_pool.give_back(target text) returns boolean language plpgsql as $$
declare
  added test_pool.schemas;
  tables text[];
  relation text;
  content jsonb;
begin
  select * into added from test_pool.schemas where name = target;
  if added.catalog is distinct from test_pool.catalog_of(target) then return false; end if;

  -- PostgreSQL plans a table that has never been vacuumed as if it had at least 10 pages. If a table is larger, its plans may
  -- differ from those of a new table, so the schema is not reused.
  perform from pg_class where relnamespace = target::regnamespace and pg_relation_size(oid) > 10 * 8192;
  if found then return false; end if;

  select array_agg(format('%I.%I', target, relname)) into tables
  from pg_class where relnamespace = target::regnamespace and relkind = 'r';
  execute format('lock table %s in access exclusive mode nowait', array_to_string(tables, ', '));
  -- Disables the checks of foreign keys, and all triggers. One of these triggers protects the audit log.
  perform set_config('session_replication_role', 'replica', true);
  -- Uses DELETE, because TRUNCATE takes 20 times as long. TRUNCATE creates new files.
  foreach relation in array tables loop
    execute format('delete from %s', relation);
  end loop;
  for relation, content in select key, value from jsonb_each(added.rows) loop
    execute format('insert into %1$I.%2$I select * from jsonb_populate_recordset(null::%1$I.%2$I, $1)', target, relation)
    using content;
  end loop;
  for relation, content in select key, value from jsonb_each(added.sequences) loop
    perform setval(format('%I.%I', target, relation)::regclass, (content->>'last_value')::bigint, (content->>'is_called')::boolean);
  end loop;
  update test_pool.schemas set is_idle = true where name = target;
  return true;
end
$$;
