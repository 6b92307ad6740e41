// What the tests of the API have in common: two companies with all that one
// can have, keys of every role, and for each parameter of a path an id that
// is there, one that is another company's, and one that is nowhere.

'use strict';

const PREFIX = { company: 'co_', webhook: 'wh_', message: 'msg_', webhook_event: 'evt_',
                 key: 'key_', replay: 'rpl_' };

// Of a parameter's name in a path or of a query.

function missing(name) {
    return PREFIX[name] ? `${PREFIX[name]}7zzzzzzzzzzzz` : 'no.such.name';
}

// A company with access, an endpoint that takes and one that refuses, a
// message that went to both, and whatever else routes have ids of.

async function company(client, uid, config, operations) {
    const c = await client.ok('POST', '/companies', { json: { uid, name: `Company ${uid}`, enabled: true } });
    const at = `/companies/${uid}`;
    const own = { company: c.id, uid };

    const ok = await client.ok('POST', `${at}/webhooks`, { json: {
        url: config.ok, events: ['honeypot.*'], description: `${uid}'s`,
        headers: { 'X-Own': `value of ${uid}` } } });
    const failing = await client.ok('POST', `${at}/webhooks`, { json: {
        url: config.fail, events: ['scan.done'], retry_delays: [] } });

    own.webhook = ok.id;
    own.failing = failing.id;

    own.message = (await client.ok('POST', '/events', { json: {
        company: uid, event: 'honeypot.alert', payload: { of: uid } } })).id;
    await client.ok('POST', '/events', { json: { company: uid, event: 'scan.done', payload: [uid] } });

    await client.until('the deliveries', async () => {
        const { data } = await client.ok('GET', `${at}/webhook-events`);
        const event = (name, status) => data.find((e) => e.event === name && e.status === status);
        own.webhook_event = (event('honeypot.alert', 'delivered') || {}).id;
        own.failed = (event('scan.done', 'failed') || {}).id;
        return own.webhook_event && own.failed;
    });

    own.key = (await client.ok('POST', '/keys', { json: { name: uid, role: 'company', company: uid } })).id;
    own.session = await client.ok('POST', `${at}/portal-sessions`);

    if (operations.some((op) => op.id === 'createReplay')) {
        own.replay = (await client.ok('POST', `${at}/replays`, { json: {
            webhook_id: own.failing, source: 'webhook_events' } })).id;
        await client.until('the replay', async () =>
            (await client.ok('GET', `${at}/replays/${own.replay}`)).status === 'done');
        await client.until('its deliveries', async () =>
            !(await client.ok('GET', `${at}/webhook-events?status=pending`)).data.length);
    }

    return own;
}

// {role: key} for company "a" of the two; "shut" has no access.

async function keys(client, a, b, shut) {
    const make = async (role, of, more) => {
        const made = await client.ok('POST', '/keys', { json: { name: role, role, company: of, ...more } });
        return made.key;
    };

    const revoked = await client.ok('POST', '/keys', { json: { name: 'revoked', role: 'admin' } });
    await client.ok('DELETE', `/keys/${revoked.id}`);

    const expired = await make('admin', null, {
        expires_at: new Date(Date.now() + 1500).toISOString() });
    await client.until('a key to expire', async () =>
        (await client.request('GET', '/companies', { key: expired })).status === 401);

    return {
        'no key': null,
        'a wrong key': 'whk_' + 'A'.repeat(43),
        'a revoked key': revoked.key,
        'an expired key': expired,
        'ingest': await make('ingest', null),
        'bound ingest': await make('ingest', a),
        'company': await make('company', a),
        'another company': await make('company', b),
        'portal session': (await client.ok('POST', `/companies/${a}/portal-sessions`)).token,
        'company without access': await make('company', shut),
        'admin': client.key,
    };
}

// The path of an operation with ids, and one of a parameter's that is nowhere.

function fill(op, ids) {
    return op.template.replace(/\{(\w+)\}/g, (all, name) => encodeURIComponent(ids[name]));
}

module.exports = { company, keys, fill, missing };
