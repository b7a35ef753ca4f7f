-- Subject: the rights of shoppers and of a shop that leaves: what was asked for.
-- Why: a request is a row, done in steps of bounded size, so that a crash in the middle is continued; what names the person is
-- in it only until it is done. What stays is a receipt: kind, time, counts, Shopify's webhook id. A shop's receipt no longer
-- says which shop. Whom a request means stands in persons, what a redaction deletes in redaction.
-- A withdrawn consent whose visitor has more events than the browser's call may wait for is a request too, and leaves no receipt.
-- Locks: none on existing tables. Undo: drop the functions; drop table trakit.privacy_requests.

create table trakit.privacy_requests (
  id uuid not null default gen_random_uuid(),
  shop_id uuid not null,
  kind text not null,
  reference text not null,
  subject jsonb,
  state text not null default 'pending',
  seen_at timestamptz,
  seen_row bigint,
  seen_quarantined bigint,
  tried_at timestamptz,
  counts jsonb not null default '{}',
  requested_at timestamptz not null,
  done_at timestamptz,
  constraint privacy_requests_pkey primary key (shop_id, id),
  constraint privacy_requests_once unique (shop_id, reference),
  constraint privacy_requests_kind_known check (kind in ('export', 'redact_customer', 'redact_shop', 'withdrawal')),
  constraint privacy_requests_state_known check (state in ('pending', 'done')),
  constraint privacy_requests_end_has_time check ((state = 'done') = (done_at is not null)),
  constraint privacy_requests_end_names_nobody check (state = 'pending' or subject is null),
  constraint privacy_requests_seen_whole check ((seen_at is null) = (seen_row is null)),
  constraint privacy_requests_reference_bounded check (length(reference) between 1 and 100)
);
create index privacy_requests_pending on trakit.privacy_requests (requested_at) where state = 'pending';

comment on table trakit.privacy_requests is 'Requests for export and redaction, and what remains of them: a receipt that names nobody.';
comment on column trakit.privacy_requests.id is 'Ours.';
comment on column trakit.privacy_requests.shop_id is 'Shop it concerns; all zeros once that shop is redacted.';
comment on column trakit.privacy_requests.kind is 'export (for the merchant to hand out), redact_customer, redact_shop, or withdrawal: the rest of what a withdrawn consent takes away.';
comment on column trakit.privacy_requests.reference is 'Shopify''s webhook id, operator:<uuid> or withdrawal:<uuid>: the same request twice is done once.';
comment on column trakit.privacy_requests.subject is 'Whom it concerns: {"customers": [ids], "emails": [digests], "phones": [digests], "orders": [ids]}, once it has begun as whole_subject gives it; of a withdrawal {"visitors": [ids], "consent": {"<purpose>": false}}; null once done.';
comment on column trakit.privacy_requests.state is 'pending or done. An export is done when it is 30 days old.';
comment on column trakit.privacy_requests.seen_at is 'Redaction of a customer: events up to here were looked at (with seen_row); null = it has not begun.';
comment on column trakit.privacy_requests.seen_row is 'Redaction of a customer: events up to here were looked at (with seen_at).';
comment on column trakit.privacy_requests.seen_quarantined is 'Redaction of a customer: quarantined webhooks up to this id were opened and looked at; null = none yet.';
comment on column trakit.privacy_requests.tried_at is 'When a redaction was last gone on with; one that fails goes behind the others.';
comment on column trakit.privacy_requests.counts is 'Rows deleted so far, by table; cleared = rows of others that lost what named the person.';
comment on column trakit.privacy_requests.requested_at is 'When it came.';
comment on column trakit.privacy_requests.done_at is 'When it was done; null while pending.';

call trakit.isolate_by_shop('trakit.privacy_requests', p_people => true);
call trakit.keep_no_statistics('trakit.privacy_requests', array['subject']);
grant select (id, shop_id, kind, state, requested_at, tried_at) on trakit.privacy_requests to trakit_dispatcher;
create policy "the dispatcher sees what is to be done" on trakit.privacy_requests
  for select to trakit_dispatcher using (true);

create function trakit.request_privacy(
  p_shop text, p_kind text, p_reference text, p_subject jsonb, p_at timestamptz, p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop trakit.shops;
  v_request trakit.privacy_requests;
begin
  perform trakit.bind_shop(p_shop, null);
  select * into v_shop from trakit.shops s where s.domain = p_shop;
  if v_shop.id is null then
    return jsonb_build_object('status', 'unknown_shop');
  end if;
  if p_kind = 'redact_shop' then
    -- Shopify sends it two days after an uninstall, and not after a new install; news older than that install is over.
    -- no new events from here on, no token from here on
    if trakit.uninstall_shop(p_shop, p_at, p_now) = 'reinstalled' then
      return jsonb_build_object('status', 'reinstalled');
    end if;
    perform trakit.bind_shop(p_shop, null);
    delete from trakit.privacy_requests r where r.shop_id = v_shop.id and r.kind <> 'redact_shop';
  end if;
  insert into trakit.privacy_requests (shop_id, kind, reference, subject, requested_at)
  values (v_shop.id, p_kind, p_reference, case when p_kind <> 'redact_shop' then p_subject end, p_now)
  on conflict (shop_id, reference) do nothing
  returning * into v_request;
  if v_request.id is null then
    select * into v_request from trakit.privacy_requests r where r.shop_id = v_shop.id and r.reference = p_reference;
    return jsonb_build_object('status', 'duplicate', 'id', v_request.id, 'shop_id', v_shop.id, 'state', v_request.state);
  end if;
  return jsonb_build_object('status', 'accepted', 'id', v_request.id, 'shop_id', v_shop.id, 'state', v_request.state);
end;
$$;
comment on function trakit.request_privacy(text, text, text, jsonb, timestamptz, timestamptz) is
  'Notes a request for export or redaction, made at p_at by Shopify''s clock, once per reference. p_subject holds digests and ids only. Returns {"status": accepted | duplicate | unknown_shop | reinstalled, "id", "shop_id", "state"}; redaction is done by trakit.privacy_step.';

create function trakit.privacy_step(p_shop_id uuid, p_request_id uuid, p_limit integer default 5000, p_now timestamptz default now())
returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  v_request trakit.privacy_requests;
begin
  perform set_config('trakit.shop_domain', '', true), set_config('trakit.shop_id', p_shop_id::text, true);
  -- one at a time; who comes second finds it further on
  select * into v_request from trakit.privacy_requests r where r.id = p_request_id and r.shop_id = p_shop_id for update;
  if v_request.id is null then
    return jsonb_build_object('state', 'gone');
  end if;
  if v_request.state = 'done' or v_request.kind = 'export' then
    return jsonb_build_object('state', v_request.state);
  end if;
  if v_request.kind = 'redact_shop' then
    return trakit.redact_shop_step(v_request, p_limit, p_now);
  end if;
  if v_request.kind = 'withdrawal' then
    return trakit.withdrawal_step(v_request, p_limit, p_now);
  end if;
  return trakit.redact_customer_step(v_request, p_limit, p_now);
end;
$$;
comment on function trakit.privacy_step(uuid, uuid, integer, timestamptz) is
  'Does the next piece of a redaction or withdrawal: p_limit events of a customer or visitor, or about p_limit rows of a shop. Returns {"state": pending | sealed | done | waiting | gone}; call it until it is not pending. sealed = who has the key ring must look into the quarantine (trakit.sealed_of_request); waiting = what is left is due later.';

create function trakit.due_privacy(p_limit integer default 100, p_now timestamptz default now())
returns table (shop_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select r.shop_id, r.id from trakit.privacy_requests r
  where r.state = 'pending' and r.kind <> 'export' and r.requested_at <= p_now
  order by r.tried_at nulls first, r.requested_at limit p_limit
$$;
comment on function trakit.due_privacy(integer, timestamptz) is 'Redactions and withdrawals that are not done yet, longest not tried first.';

create function trakit.try_privacy(p_shop_id uuid, p_request_id uuid, p_now timestamptz default now()) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('trakit.shop_domain', '', true), set_config('trakit.shop_id', p_shop_id::text, true);
  update trakit.privacy_requests r set tried_at = p_now
  where r.id = p_request_id and r.shop_id = p_shop_id and r.state = 'pending';
end;
$$;
comment on function trakit.try_privacy(uuid, uuid, timestamptz) is
  'Notes that a redaction is gone on with, before its steps: a step that fails leaves no trace of its own.';

create function trakit.privacy_log(p_shop text, p_limit integer default 200) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shop uuid := trakit.bind_shop(p_shop, null);
begin
  return coalesce((
    select jsonb_agg(x.row order by x.requested_at desc) from (
      select r.requested_at, to_jsonb(r) - array['shop_id', 'subject', 'seen_quarantined'] as row
      from trakit.privacy_requests r where r.shop_id = v_shop and r.kind <> 'withdrawal' order by r.requested_at desc limit p_limit) x), '[]');
end;
$$;
comment on function trakit.privacy_log(text, integer) is 'Requests for export and redaction of a shop, newest first, without whom they concern.';

create function api.redact_customer(
  p_shop text, p_customer_id text default null, p_email text default null, p_phone text default null,
  p_orders text[] default '{}', p_now timestamptz default now()
) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_subject jsonb := trakit.subject_of(p_customer_id, p_email, p_phone, p_orders);
  v_asked jsonb;
  v_shop uuid;
begin
  if v_subject = '{"customers": [], "emails": [], "phones": [], "orders": []}' then
    return jsonb_build_object('status', 'nobody_named');
  end if;
  v_asked := trakit.request_privacy(
    p_shop, 'redact_customer', 'operator:' || gen_random_uuid(), v_subject, p_now, p_now);
  v_shop := (v_asked ->> 'shop_id')::uuid;
  if v_shop is null then
    return v_asked;
  end if;
  while trakit.privacy_step(v_shop, (v_asked ->> 'id')::uuid, 5000, p_now) ->> 'state' = 'pending' loop
  end loop;
  -- Shopify's webhooks that could not be read are sealed, and no key is here
  return (
    select to_jsonb(r) - array['shop_id', 'subject', 'seen_quarantined'] || case when r.state = 'pending'
      then jsonb_build_object('waits_for', 'worker or drain: the quarantine is sealed, and only they can look into it') else '{}' end
    from trakit.privacy_requests r where r.id = (v_asked ->> 'id')::uuid);
end;
$$;
comment on function api.redact_customer(text, text, text, text, text[], timestamptz) is
  'Deletes everything of one person in a shop (by domain): by Shopify customer id, email, phone with country code, or order ids, whichever is given. Cannot be undone. Returns the receipt; "state": "pending" with "waits_for" where quarantined webhooks of the shop are still to be looked into, which worker or drain do.';

create function api.redact_shop(p_shop text, p_confirm text, p_now timestamptz default now()) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_asked jsonb;
  v_state text := 'pending';
begin
  if p_confirm is distinct from p_shop then
    return jsonb_build_object('status', 'not_confirmed');
  end if;
  v_asked := trakit.request_privacy(p_shop, 'redact_shop', 'operator:' || gen_random_uuid(), null, p_now, p_now);
  if v_asked ->> 'shop_id' is null then
    return v_asked;
  end if;
  while v_state = 'pending' loop
    v_state := trakit.privacy_step((v_asked ->> 'shop_id')::uuid, (v_asked ->> 'id')::uuid, 5000, p_now) ->> 'state';
  end loop;
  return v_asked || jsonb_build_object('state', v_state);
end;
$$;
comment on function api.redact_shop(text, text, timestamptz) is
  'Deletes everything of a shop (by domain; p_confirm repeats it). Cannot be undone. Tokens and rows go at once; the shop''s own row follows a minute later, by worker or drain.';
