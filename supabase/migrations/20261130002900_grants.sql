-- Subject: who owns and who may call each function and procedure.
-- Why: last, and in one place, so that the whole surface of the database can be read on one page; no other migration hands a
-- function over or grants one. trakit_app works inside the one shop a statement is bound to, trakit_dispatcher across shops
-- with ids, states and times. No owner: it stays with the role that migrates, because it makes and drops tables, or runs as
-- its caller (security invoker).
-- Locks: none. Undo: revoke.

grant create on schema trakit, api to trakit_app, trakit_dispatcher;

do $$
declare
  v_line record;
begin
  for v_line in
    select f.* from (values
      -- shops
      ('trakit.claimed_shop()', null, 'authenticated'),
      ('trakit.isolate_by_shop(regclass, boolean)', null, null),
      ('trakit.learn_host(trakit.shops, text, boolean, timestamptz)', null, 'trakit_app'),
      ('trakit.keep_no_statistics(regclass, name[])', null, null),
      ('trakit.bind_shop(text, text)', null, 'trakit_app'),
      -- destinations
      ('trakit.lane_shop(uuid)', 'trakit_dispatcher', 'trakit_app'),
      ('trakit.replace_token(uuid, uuid, text, text, boolean, timestamptz)', null, 'trakit_app'),
      ('trakit.sealed_settings_of(uuid, uuid)', null, 'trakit_app'),
      ('trakit.set_destination(text, text, text, bigint, jsonb, text, text, integer, timestamptz, jsonb)', 'trakit_app', 'trakit_worker, trakit_edge'),
      ('trakit.list_destinations(text)', 'trakit_app', 'trakit_worker, trakit_edge'),
      ('trakit.destination_token(text, text)', 'trakit_app', 'trakit_edge'),
      -- connections
      ('trakit.describe_destinations(text)', null, 'trakit_app'),
      ('trakit.begin_connection(text, text, text, timestamptz, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.open_connection(text, text, text, text, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.take_connection(text, text, text, text, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.keep_grant(text, text, text, text, timestamptz, text, timestamptz, timestamptz, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.due_grants(integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.grant_lease(text, text, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.grant_renewed(text, text, uuid, text, text, text, timestamptz, text, timestamptz, timestamptz, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.grant_alerts(integer)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.settle_grant_alert(uuid, timestamptz, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      -- visitors
      ('trakit.identity_keys(jsonb, text)', null, 'trakit_app'),
      ('trakit.lock_identity(uuid, jsonb)', null, 'trakit_app'),
      ('trakit.purge_visitors(timestamptz, integer)', null, 'trakit_edge'),
      -- join
      ('trakit.join_visitor(uuid, jsonb, jsonb, jsonb, jsonb, boolean, timestamptz)', null, 'trakit_app'),
      ('trakit.add_first_visitors(uuid, jsonb[], jsonb[], timestamptz)', null, 'trakit_app'),
      -- customers
      ('trakit.learn_customer(text, jsonb, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.with_customer(uuid, jsonb, boolean)', null, 'trakit_app'),
      ('trakit.counted_order(jsonb, jsonb)', null, 'trakit_app'),
      ('trakit.count_orders(uuid, jsonb, timestamptz)', null, 'trakit_app'),
      -- deliveries
      ('trakit.given_up_at(timestamptz, timestamptz, text, interval, text, timestamptz)', null, 'trakit_app, trakit_dispatcher, authenticated'),
      -- retention
      ('trakit.ensure_partitions(integer, timestamptz)', null, 'trakit_edge'),
      ('trakit.purge(timestamptz, integer)', null, 'trakit_edge'),
      -- consent
      ('trakit.unknown_consent_policy(text, text, text)', null, 'trakit_app'),
      ('trakit.policy_for(trakit.shops, jsonb)', null, 'trakit_app'),
      ('trakit.counted_consent(trakit.shops, jsonb, text)', null, 'trakit_app'),
      ('trakit.joined_consent(jsonb, jsonb)', null, 'trakit_app'),
      ('trakit.as_consented(jsonb, jsonb)', null, 'trakit_app'),
      ('trakit.allowed_purposes(trakit.shops, jsonb, text)', null, 'trakit_app'),
      ('trakit.delivery_verdict(trakit.shops, boolean, text, text, jsonb, text, text, text, jsonb)', null, 'trakit_app'),
      ('trakit.identifier_names(text)', null, 'trakit_app'),
      ('trakit.consented_identifiers(jsonb, jsonb)', null, 'trakit_app'),
      ('trakit.enriched_names(jsonb, jsonb)', null, 'trakit_app'),
      ('trakit.withdraw_consent(uuid, jsonb, jsonb, timestamptz)', null, 'trakit_app'),
      ('trakit.clear_client(uuid, timestamptz, bigint)', null, 'trakit_app'),
      ('trakit.strip_events(uuid, bigint[], jsonb, integer, timestamptz)', null, 'trakit_app'),
      -- intake
      ('trakit.count_refusals(uuid, text, jsonb, timestamptz)', null, 'trakit_app'),
      ('trakit.count_refused_calls(text, text, jsonb, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.quarantine_webhook(text, text, text, text, text[], text, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.list_quarantine(text, integer)', 'trakit_app', 'trakit_worker'),
      ('trakit.settle_quarantine(text, bigint, boolean)', 'trakit_app', 'trakit_worker'),
      ('trakit.count_sender(uuid, text, integer, integer, timestamptz)', null, 'trakit_app'),
      ('trakit.sender_refusal(trakit.shops, jsonb, text, integer, timestamptz)', null, 'trakit_app'),
      -- store
      ('trakit.lease_seconds()', null, 'trakit_app'),
      ('trakit.with_order(uuid, jsonb)', null, 'trakit_app'),
      ('trakit.store_events(trakit.shops, jsonb[], integer, timestamptz)', null, 'trakit_app'),
      ('trakit.without_customer(jsonb)', null, 'trakit_app'),
      ('trakit.merge_event(trakit.shops, trakit.events, jsonb, boolean, text, text, timestamptz)', null, 'trakit_app'),
      ('trakit.stored_event(timestamptz, bigint)', null, 'trakit_app'),
      ('trakit.replan_deliveries(trakit.shops, timestamptz, bigint, integer, integer, timestamptz)', null, 'trakit_app'),
      -- ingest
      ('trakit.ingest_events(text, jsonb, integer, text, jsonb, timestamptz)', 'trakit_app', 'trakit_edge'),
      -- browser
      ('trakit.shed_events(trakit.shops, jsonb, boolean, timestamptz)', null, 'trakit_app'),
      ('trakit.own_events(uuid, jsonb)', null, 'trakit_app'),
      ('trakit.note_own_events(uuid, jsonb, text[], jsonb, timestamptz)', null, 'trakit_app'),
      ('trakit.ingest_browser_events(text, jsonb, integer, jsonb, jsonb, jsonb, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.open_session(text, jsonb, jsonb, timestamptz)', 'trakit_app', 'trakit_edge'),
      -- carts
      ('trakit.lock_cart(uuid, text)', null, 'trakit_app'),
      ('trakit.ingest_cart(text, jsonb, integer, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.cart_event(jsonb, text, integer, text)', null, 'trakit_app'),
      ('trakit.match_adds(uuid, jsonb)', null, 'trakit_app'),
      ('trakit.note_adds(uuid, jsonb, jsonb)', null, 'trakit_app'),
      -- dispatch
      ('trakit.claim_deliveries(uuid, integer, integer, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.read_events(uuid, timestamptz[], bigint[])', 'trakit_app', 'trakit_edge'),
      ('trakit.unless_reported(uuid, jsonb)', null, 'trakit_app'),
      ('trakit.settle_deliveries(uuid, jsonb, timestamptz)', 'trakit_app', 'trakit_edge'),
      -- queue
      ('trakit.due_lanes(integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.end_flush(uuid, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.expire_deliveries(integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.check_in(uuid, text, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.check_out(uuid)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.live_workers(timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.enqueue_jobs(text, jsonb)', 'trakit_dispatcher', 'trakit_app, trakit_edge'),
      ('trakit.call_drain()', null, 'trakit_dispatcher'),
      ('trakit.wake_lanes(integer, integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      -- replay
      ('trakit.server_dedup(text)', 'trakit_app', null),
      ('trakit.replay_verdicts(timestamptz, bigint, timestamptz, text, text[], boolean, integer, timestamptz)', 'trakit_app', null),
      ('trakit.step_replay(text, bigint, integer, timestamptz)', 'trakit_app', 'trakit_worker, trakit_dispatcher'),
      ('trakit.run_replays(integer, timestamptz, integer)', 'trakit_dispatcher', 'trakit_edge'),
      ('api.replay(text, timestamptz, timestamptz, text, text[], boolean, boolean, timestamptz)', 'trakit_app', 'trakit_worker, trakit_edge'),
      -- installations
      ('trakit.install_shop(text, text, timestamptz, text, timestamptz, text[], timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.uninstall_shop(text, timestamptz, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.find_installation(text)', 'trakit_app', 'trakit_edge'),
      ('trakit.shopify_token(text, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.distrust_token(text, text, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.refreshed(text, uuid, text, text, timestamptz, text, timestamptz, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.due_refreshes(integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.due_setups(integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.note_setup(text, text, text, text, jsonb, text, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.set_scopes(text, text[], timestamptz, timestamptz)', 'trakit_app', 'trakit_edge'),
      -- lookups
      ('trakit.unknown_customers(text, integer, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.note_asked(text, jsonb, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.note_lookup(text, text, timestamptz, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.due_lookups(integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      -- readings
      ('trakit.read_again(trakit.shops, trakit.events, jsonb, jsonb, timestamptz)', null, 'trakit_app'),
      ('trakit.due_readings(integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.claim_readings(text, integer, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.note_readings(text, text[], text, timestamptz)', 'trakit_app', 'trakit_edge'),
      -- reconciliation
      ('trakit.begin_reconciliation(text, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.compare_orders(text, jsonb, timestamptz, text, jsonb, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.due_reconciliations(integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      -- privacy
      ('trakit.request_privacy(text, text, text, jsonb, timestamptz, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.privacy_step(uuid, uuid, integer, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.due_privacy(integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.try_privacy(uuid, uuid, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.privacy_log(text, integer)', 'trakit_app', 'trakit_edge'),
      ('api.redact_customer(text, text, text, text, text[], timestamptz)', 'trakit_app', 'trakit_worker'),
      ('api.redact_shop(text, text, timestamptz)', 'trakit_app', 'trakit_worker'),
      -- persons
      ('trakit.rows_of_person(uuid, jsonb, timestamptz, bigint, integer)', null, 'trakit_app'),
      ('trakit.whole_subject(uuid, jsonb)', null, 'trakit_app'),
      ('trakit.without_digests(jsonb, jsonb)', null, 'trakit_app'),
      ('trakit.export_person(uuid, jsonb, text, integer)', null, 'trakit_app'),
      ('trakit.privacy_export(text, uuid, text)', 'trakit_app', 'trakit_edge'),
      ('trakit.subject_of(text, text, text, text[])', null, 'trakit_app'),
      ('api.export_customer(text, text, text, text, text[], text)', 'trakit_app', 'trakit_worker'),
      -- redaction
      ('trakit.delete_events(uuid, timestamptz[], bigint[])', null, 'trakit_app'),
      ('trakit.add_counts(jsonb, jsonb)', null, 'trakit_app'),
      ('trakit.forget_jobs(text[])', null, 'trakit_app'),
      ('trakit.begin_redaction(trakit.privacy_requests, timestamptz)', null, 'trakit_app'),
      ('trakit.same_person(jsonb, jsonb)', null, 'trakit_app'),
      ('trakit.clear_events(uuid, jsonb, timestamptz, bigint, integer)', null, 'trakit_app'),
      ('trakit.sealed_of_request(uuid, uuid, integer)', 'trakit_app', 'trakit_edge'),
      ('trakit.settle_sealed(uuid, uuid, bigint[], bigint)', 'trakit_app', 'trakit_edge'),
      ('trakit.redact_customer_step(trakit.privacy_requests, integer, timestamptz)', null, 'trakit_app'),
      ('trakit.withdrawal_step(trakit.privacy_requests, integer, timestamptz)', null, 'trakit_app'),
      ('trakit.redact_shop_step(trakit.privacy_requests, integer, timestamptz)', null, 'trakit_app'),
      -- merchant
      ('trakit.admin_gate(text, integer, text, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.read_shop(text)', 'trakit_app', 'trakit_edge'),
      ('trakit.change_shop(text, jsonb, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.trace_order(text, text)', 'trakit_app', 'trakit_edge'),
      ('trakit.setup_signals(text, timestamptz)', 'trakit_app', 'trakit_edge'),
      ('trakit.match_quality(text, integer, timestamptz)', 'trakit_app', 'trakit_worker, trakit_edge'),
      -- operator
      ('trakit.add_shop(text, text, jsonb, timestamptz)', 'trakit_app', 'trakit_worker'),
      ('trakit.find_shop(text)', 'trakit_app', 'trakit_worker, trakit_edge'),
      ('trakit.list_shops()', 'trakit_dispatcher', 'trakit_worker'),
      ('trakit.shop_status(text, timestamptz)', 'trakit_app', 'trakit_worker, trakit_edge'),
      ('trakit.tail_deliveries(text, timestamptz, integer)', 'trakit_app', 'trakit_worker'),
      ('trakit.list_seals(text, text, text, text, integer)', 'trakit_app', 'trakit_worker'),
      ('trakit.replace_seal(text, text, text, text, text, timestamptz)', 'trakit_app', 'trakit_worker'),
      -- watching
      ('trakit.describe_lane(uuid)', 'trakit_app', 'trakit_edge'),
      ('trakit.pending_alerts(integer, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.settle_alerts(jsonb, timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.queue_totals(timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.queue_watch(timestamptz)', 'trakit_dispatcher', 'trakit_edge'),
      ('trakit.queue_metrics(timestamptz)', 'trakit_dispatcher', 'trakit_edge')
    ) f (name, owner, callers)
  loop
    execute format('revoke all on routine %s from public', v_line.name);
    if v_line.owner is not null then
      execute format('alter routine %s owner to %I', v_line.name, v_line.owner);
    end if;
    if v_line.callers is not null then
      execute format('grant execute on routine %s to %s', v_line.name, v_line.callers);
    end if;
  end loop;
end;
$$;

revoke create on schema trakit, api from trakit_app, trakit_dispatcher;
