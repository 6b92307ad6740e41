// A walk over all operations of docs/openapi.yaml, with good and bad input:
// every answer is as the document says, and all that it says is seen.
//
// In phases, between which the Perl file changes the server: what was seen is
// kept in a file until the last of them, "report".

'use strict';

const fs = require('fs');
const { execFileSync } = require('child_process');
const api = require('./document');
const { tap, run } = require('./client');
const world = require('./world');

// Documented, and not to be seen here.

const UNSEEN = [
    [/ 500 internal$/, 'takes a server without memory'],
];

const seen = new Set();
const errors = [];

// The members that make a body good, for what needs some.

const BODIES = {
    ingest: { company: 'acme', event: 'honeypot.alert', payload: 1 },
    createCompany: { name: 'A company' },
    createWebhook: () => ({ url: fixture.url, events: ['*'] }),
    createEventType: { name: 'an.event' },
    createKey: { name: 'A key', role: 'admin' },
    createReplay: () => ({ webhook_id: fixture.webhook, source: 'messages', dry_run: true }),
};

let fixture;

function body(op) {
    const json = BODIES[op.id] || {};
    return JSON.stringify(typeof json === 'function' ? json() : json);
}

function good(op, more = {}) {
    return [op.method, world.fill(op, { ...fixture, ...more.ids }),
            { ...(op.body ? { body: body(op) } : {}), ...more }];
}

// What any operation answers to what is wrong.

async function refusals(client, op, keys) {
    const ask = (more) => client.request(...good(op, more));

    await ask({ key: null });
    await ask({ key: 'whk_unknown' });

    for (const [role, name] of [['ingest', 'ingest'], ['company', 'company'],
                                ['company_without_access', 'company without access']])
    {
        if (!op.roles.includes(role)) {
            await ask({ key: keys[name], ids: role === 'company_without_access'
                                              ? { company: 'shut' } : {} });
        }
    }

    for (const name of op.names) {
        await ask({ ids: { [name]: world.missing(name) } });
        await ask({ ids: { [name]: '.' + 'x'.repeat(300) } });
        await ask({ ids: { [name]: 'é%/\u0001' } });
    }

    for (const p of op.query) {
        const [method, target, o] = good(op);
        for (const value of ['', '%00', 'x%20y%ff', '-1', '99999999999999999999']) {
            await client.request(method, `${target}?${p.name}=${value}`, o);
        }
    }

    await ask({ body: ' '.repeat(op.ingest ? 300000 : 70000) });

    if (op.body) {
        await ask({ type: 'text/plain', body: '{}' });
        for (const text of ['{', '{"a":"\xff"}', '['.repeat(600), '', '[]', 'null',
                            '{"no such member":1,"no such member":2}', '{"a":1}x'])
        {
            await ask({ body: text });
        }
    }
}

// What must be refused in a body, for each member of its schema.

async function members(client, op) {
    const schema = api.schemaOfBody(op);
    if (!schema) return;

    const base = JSON.parse(body(op));
    const names = Object.assign({}, ...api.keyword(schema, 'properties'));

    for (const name of Object.keys(names)) {
        for (const value of [null, true, 1, 1.5, -1, 1e300, '', 'x', 'é'.repeat(2000), '\u0000',
                             [], [1], [null], {}, { a: {} }, { 'a b': 'c' }])
        {
            const json = { ...base, [name]: value };
            if (api.check(api.requests, schema, json, '').length === 0) continue;

            const x = await client.request(...good(op, { body: JSON.stringify(json) }));

            if (x.status < 400) {
                errors.push(`${op.id} accepts ${JSON.stringify(json).slice(0, 200)}`);
            }
        }
    }
}

// Each operation as it is meant to be used.

async function uses(client, config, keys) {
    const $ = (method, target, json, more = {}) => client.request(method, target,
        { ...(json === undefined ? {} : { json }), ...more });
    const at = '/companies/acme';

    // ingest

    const event = { company: 'acme', event: 'honeypot.alert', payload: { a: [1.50, 'é'] } };
    await $('POST', '/events', event, { headers: { 'idempotency-key': 'one' } });
    await $('POST', '/events', event, { headers: { 'idempotency-key': 'one' } });
    await $('POST', '/events', { ...event, payload: 2 }, { headers: { 'idempotency-key': 'one' } });
    await $('POST', '/events', { ...event, company: 'shut' });
    await $('POST', '/events', { ...event, company: 'no-such' });
    await $('POST', '/events', { ...event, company: 'other' }, { key: keys['bound ingest'] });
    await $('POST', '/events', event, { key: keys['bound ingest'] });
    await $('POST', '/events', event, { key: keys.company });
    await $('POST', '/events', { ...event, payload: 'x'.repeat(263000) });
    await $('POST', '/events', { ...event, event: 'system.x' });
    await $('POST', '/events', undefined, { type: 'application/x-ndjson', body: [
        JSON.stringify(event), '{', '{"a":"\xff"}', '['.repeat(600), '{}',
        JSON.stringify({ ...event, company: 'shut' }), JSON.stringify({ ...event, company: 'no' }),
        JSON.stringify({ ...event, idempotency_key: 'two' }),
        JSON.stringify({ ...event, payload: 3, idempotency_key: 'two' }),
        JSON.stringify({ ...event, payload: 'x'.repeat(263000) }),
        ''].join('\n') });

    // companies

    const third = await $('POST', '/companies', { uid: 'third', name: 'é', enabled: true });
    await $('POST', '/companies', { uid: 'third', name: 'again' });
    await $('POST', '/companies', { uid: null, name: 'without' });
    await $('GET', '/companies');
    await pages(client, '/companies');
    await $('GET', at, undefined, { key: keys.company });
    await $('GET', '/companies/shut', undefined, { key: keys['company without access'] });
    await $('PATCH', '/companies/third', { name: 'other', uid: 'fourth', enabled: false });
    await $('PATCH', '/companies/fourth', { uid: 'acme' });
    await $('PATCH', '/companies/fourth', { uid: null }, { type: 'application/merge-patch+json' });
    await $('DELETE', `/companies/${third.json.id}`);

    await $('POST', '/companies/shut/access-requests', { message: 'please' },
            { key: keys['company without access'] });
    await $('POST', '/companies/shut/access-requests');
    await $('POST', `${at}/access-requests`);
    await $('GET', '/companies/shut/access-requests');
    const late = await $('POST', '/companies', { uid: 'late', name: 'Late' });
    await $('POST', '/companies/late/access-requests', { message: null });
    await $('PATCH', '/companies/late', { enabled: true });
    await $('GET', '/companies/late/access-requests');
    for (const q of ['', '?status=open', '?status=granted', '?limit=1']) {
        await $('GET', `/access-requests${q}`);
    }
    await pages(client, '/access-requests');
    await $('DELETE', `/companies/${late.json.id}`);

    const session = await $('POST', `${at}/portal-sessions`, { expires_in: '30m' });
    await $('POST', `${at}/portal-sessions`, undefined);
    await $('GET', `${at}/webhooks`, undefined, { key: session.json.token });

    // webhooks

    const full = await $('POST', `${at}/webhooks`, {
        url: config.ok, events: ['a.b', 'c.*', '*'], description: 'all', enabled: true,
        concurrency: 3, rate_limit: '010/m', retry_delays: ['1s', '1h 30m', '2d'], ordered: true,
        headers: { 'X-A': 'b', 'x-c': 'd é' }, secret: 'whsec_' + 'A'.repeat(32),
    });
    const webhook = `${at}/webhooks/${full.json.id}`;
    await $('GET', webhook);
    await $('GET', `${at}/webhooks`);
    await pages(client, `${at}/webhooks`);
    await $('PATCH', webhook, { description: null, rate_limit: null, retry_delays: [], ordered: false,
                                concurrency: null, headers: { 'x-a': null, 'X-New': '1' } },
            { type: 'application/merge-patch+json' });
    await $('PATCH', webhook, { headers: null, retry_delays: null, url: config.fail, events: ['x'] });
    await $('PATCH', webhook, { enabled: false });
    await $('PATCH', webhook, { url: 'http://10.0.0.1/' });
    await $('GET', `${webhook}/secret`);
    await $('POST', `${webhook}/secret/rotate`, { grace: '24h' });
    await $('POST', `${webhook}/secret/rotate`);
    await $('GET', `${webhook}/secret`);
    await $('POST', `${webhook}/test`);
    for (const of of ['webhooks', `webhooks/${full.json.id}`]) {
        for (const method of ['POST', 'PATCH', 'DELETE']) {
            await $(method, `/companies/shut/${of}`, { url: config.ok, events: ['*'] });
        }
    }
    await $('POST', `/companies/shut/webhooks/${full.json.id}/test`);
    await $('POST', `/companies/shut/webhooks/${full.json.id}/secret/rotate`);
    await $('DELETE', webhook);
    await $('DELETE', webhook);

    // webhook events

    await client.until('deliveries', async () =>
        !(await client.ok('GET', `${at}/webhook-events?status=pending`)).data.length);
    for (const q of ['', '?status=delivered', '?status=failed', '?event=scan.done', '?limit=1',
                     `?webhook=${fixture.webhook}`, `?message=${fixture.message}`,
                     `?webhook=${world.missing('webhook')}`])
    {
        await $('GET', `${at}/webhook-events${q}`);
    }
    await pages(client, `${at}/webhook-events`);
    for (const e of (await client.ok('GET', `${at}/webhook-events`)).data) {
        await $('GET', `${at}/webhook-events/${e.id}`);
    }

    for (const list of ['messages', 'webhook-events']) {
        const since = new Date(Date.now() - 3600000).toISOString();
        for (const q of [`since=${since}`, `until=${since}`, `since=${since}&q=acme`, 'q=acme', `since=${since}&q=%ff`,
                         `id=${list === 'messages' ? fixture.message : fixture.webhook_event}`])
        {
            await $('GET', `${at}/${list}?${q}`);
        }
    }
    await $('GET', `${at}/messages`);
    await pages(client, `${at}/messages`);
    await $('GET', `${at}/messages/${fixture.message}`);

    // retry and cancel, tests that wait

    const events = `${at}/webhook-events`;
    const hook = async (url, more) => `${at}/webhooks/${(await client.ok('POST', `${at}/webhooks`,
        { json: { url, events: ['own.event'], ...more } })).id}`;
    const own = async (of) => {
        const { id } = await client.ok('POST', '/events', { json: { ...event, event: 'own.event', payload: of } });
        return (await client.ok('GET', `${events}?message=${id}`)).data[0].id;
    };
    const settled = (id) => client.until(`${id} to settle`, async () => {
        const e = await client.ok('GET', `${events}/${id}`);
        return e.status !== 'pending' && e;
    });

    await $('POST', `${events}/${fixture.failed}/retry`);
    await settled(fixture.failed);
    await $('POST', `${events}/${fixture.webhook_event}/cancel`);
    await $('POST', `/companies/shut/webhook-events/${fixture.failed}/retry`);
    await $('POST', `/companies/shut/replays`, { webhook_id: fixture.webhook, source: 'messages' });

    const slow = await hook(config.slow, { retry_delays: ['1h'] });
    const running = await own('running');
    await $('POST', `${events}/${running}/retry`);
    await $('POST', `${events}/${running}/cancel`);
    await settled(running);
    const waited = $('POST', `${slow}/test?wait=20s`);
    const test = await client.until('the test', async () =>
        (await client.ok('GET', `${events}?event=test.webhook-event&status=pending`)).data[0]);
    await $('DELETE', `${at}/messages/${test.message_id}`);
    await waited;
    await $('POST', `${slow}/test?wait=20s`);
    await $('POST', `${slow}/test?wait=1ms`);
    await $('POST', `${slow}/test?wait=1h`);

    const off = await own('disabled');
    await settled(off);
    await $('PATCH', slow, { enabled: false });
    await $('POST', `${events}/${off}/retry`);
    await $('POST', `${at}/replays`, { webhook_id: slow.split('/').pop(), source: 'messages' });
    await $('POST', `${slow}/test?wait=20s`);
    await $('DELETE', slow);
    await $('POST', `${events}/${off}/retry`);

    // as the retention does

    const erased = await client.ok('GET', `${events}/${fixture.webhook_event}`);
    execFileSync('sqlite3', ['-cmd', '.timeout 5000', config.store,
        `UPDATE message SET payload = x'' WHERE id = ${number(erased.message_id)}`]);
    await $('GET', `${at}/messages/${erased.message_id}`);
    await $('POST', `${events}/${erased.id}/retry`);

    // replays

    const again = await hook(config.ok);
    const again_id = again.split('/').pop();
    const replay = { webhook_id: again_id, source: 'messages' };
    await own('again');
    await $('POST', `${at}/replays`, { ...replay, dry_run: true });
    await $('POST', `${at}/replays`, { ...replay, webhook_id: world.missing('webhook') });
    await $('POST', `${at}/replays`, { ...replay, filter: { status: 'failed' } });
    const first = await $('POST', `${at}/replays`, { ...replay, source: 'webhook_events', filter: {
        since: '2020-01-01T00:00:00Z', until: '2037-01-01T00:00:00Z', status: 'delivered', event: 'own.event' } });
    await client.until('the replay', async () =>
        (await client.ok('GET', `${at}/replays/${first.json.id}`)).status === 'done');
    await $('POST', `${at}/replays/${first.json.id}/cancel`);
    await $('GET', `${at}/replays`);

    // more than a replay makes due before it waits

    const many = await hook(config.hang, { concurrency: 1 });
    const lines = [...Array(600).keys()].map((n) =>
        JSON.stringify({ ...event, event: 'many.events', payload: n })).join('\n');
    await $('POST', '/events', undefined, { type: 'application/x-ndjson', body: lines });
    await $('PATCH', many, { events: ['many.events'] });
    const made = [];
    for (let n = 0; n < 11; n++) {
        made.push(await $('POST', `${at}/replays`, { webhook_id: many.split('/').pop(), source: 'messages',
                                                     filter: { event: 'many.events' } }));
    }
    await pages(client, `${at}/replays`);
    await $('GET', many);
    await $('GET', `${events}?event=many.events&status=pending`);
    await $('POST', `${at}/replays/${made[0].json.id}/cancel`);
    await $('POST', `${at}/replays/${made[0].json.id}/cancel`);
    await $('DELETE', many);
    await $('GET', `${at}/replays/${made[1].json.id}`);

    // event types

    await $('POST', '/event-types', { name: 'honeypot.alert', description: 'd', example: { a: 1 },
                                      schema: { type: 'object' } });
    await $('POST', '/event-types', { name: 'honeypot.alert' });
    await $('POST', '/event-types', { name: 'scan.done', example: null, schema: true, description: null });
    await $('POST', '/event-types', { name: 'system.x' });
    await $('GET', '/event-types');
    await pages(client, '/event-types');
    await $('GET', '/event-types/honeypot.alert', undefined, { key: keys.company });
    await $('PATCH', '/event-types/honeypot.alert', { example: { b: 2 }, schema: null },
            { type: 'application/merge-patch+json' });
    await $('PATCH', '/event-types/honeypot.alert', { description: 'new', example: [1] });
    await $('PATCH', '/event-types/honeypot.alert', { example: 'x'.repeat(40000) });
    await $('DELETE', '/event-types/scan.done');

    // keys

    const key = await $('POST', '/keys', { name: 'a key', role: 'company', company: 'acme',
                                           expires_at: '2037-01-01T00:00:00+01:00' });
    await $('POST', '/keys', { name: 'a key', role: 'company', company: 'no-such' });
    await $('POST', '/keys', { name: 'a key', role: 'company' });
    await $('POST', '/keys', { name: 'a key', role: 'admin', company: 'acme' });
    await $('GET', '/keys');
    await pages(client, '/keys');
    await $('GET', `/keys/${key.json.id}`);
    await $('GET', `/keys/${session.json.id}`);
    await $('DELETE', `/keys/${key.json.id}`);

    // statistics, and how the server is

    const ago = (h) => new Date(Date.now() - h * 3600000).toISOString();
    for (const q of ['', '?bucket=1m', '?until=1970-01-01T00:30:00Z', `?bucket=1d&since=${ago(48)}&until=${ago(24)}`, '?by=webhook&limit=1',
                     '?by=webhook&bucket=5m&since=' + ago(2), `?webhook=${fixture.webhook}`,
                     `?webhook=${full.json.id}`, `?webhook=${world.missing('webhook')}`,
                     `?since=${ago(1)}&until=${ago(2)}`, `?bucket=1m&since=${ago(100)}`,
                     `?webhook=${fixture.webhook}&by=webhook`])
    {
        await $('GET', `${at}/stats${q}`);
    }
    await $('GET', '/status');
    await $('GET', '/metrics');

    // the document

    const document = await $('GET', '/openapi.json', undefined, { key: keys.ingest });
    await $('GET', '/openapi.json', undefined, { headers: { 'if-none-match': document.answer.headers.etag } });
    await $('HEAD', '/openapi.json');

    // beside the operations

    await $('GET', '/no/such/path');
    await $('PATCH', '/companies', {});
    await $('HEAD', '/companies');
    await $('GET', '/events', undefined);

    // an end

    const last = await $('POST', '/events', { ...event, payload: 'erased' });
    await $('DELETE', `${at}/messages/${last.json.id}`);
    await $('DELETE', `${at}/messages/${last.json.id}`);

    return document;
}

// An id as the store has it.

function number(id) {
    return [...id.split('_')[1]].reduce((n, digit) =>
        n * 32n + BigInt('0123456789abcdefghjkmnpqrstvwxyz'.indexOf(digit)), 0n);
}

// The pages of a list are the list.

async function pages(client, target) {
    const all = (await client.ok('GET', `${target}?limit=250`)).data;
    const found = [];
    let cursor = null;

    do {
        const page = await client.ok('GET', `${target}?limit=2${cursor ? `&cursor=${cursor}` : ''}`);
        found.push(...page.data);
        cursor = page.next_cursor;
    } while (cursor && found.length <= all.length);

    const ids = (list) => list.map((row) => row.id || row.name).join(' ');
    if (ids(found) !== ids(all)) errors.push(`${target}: its pages are not the list`);
}

const phases = {

    async main(client, config) {
        await client.ok('POST', '/companies', { json: { uid: 'shut', name: 'Shut' } });
        fixture = await world.company(client, 'acme', config, api.operations);
        await client.ok('POST', '/companies', { json: { uid: 'other', name: 'Other', enabled: true } });
        const keys = await world.keys(client, 'acme', 'other', 'shut');
        fixture.name = 'an.event';
        fixture.url = config.ok;
        await client.ok('POST', '/event-types', { json: { name: 'an.event' } });

        const document = await uses(client, config, keys);

        for (const op of api.operations) {
            await refusals(client, op, keys);
            await members(client, op);
        }

        const served = document.json;
        const url = served.servers[0].url;
        tap(url === config.admin, 'the document that is served has the prefix of its location', [url]);
        served.servers[0].url = api.document.servers[0].url;
        tap(same(served, api.document), 'and is docs/openapi.yaml');

        save(config, 'fixture', JSON.stringify(fixture));
        save(config, 'key', keys.company);
    },

    // webhook_max_webhooks is 1, webhook_strict_events on

    async limits(client) {
        await client.request('POST', '/events', { json: { company: 'acme', event: 'a.b', payload: 1 } });
        await client.request('POST', '/companies/acme/webhooks',
                             { json: { url: fixture.url, events: ['no.such'] } });
        await client.request('POST', '/companies/acme/webhooks',
                             { json: { url: fixture.url, events: ['*'] } });

        for (const [target, json] of [['/keys', (i) => ({ name: `${i}`, role: 'admin' })],
                                      ['/event-types', (i) => ({ name: `type.${i}` })]])
        {
            const one = (i) => client.request('POST', target, { json: json(i) });
            for (let i = 0; i < 1000; i += 25) {
                await Promise.all([...Array(25).keys()].map((n) => one(i + n)));
            }
        }
    },

    // a key that the worker does not know is looked for in the store

    async busy(client, config) {
        const waiting = [...Array(60).keys()].map((n) => client.request('POST', '/events',
            { json: { company: 'acme', event: 'honeypot.alert', payload: n } }));
        await Promise.race(waiting);

        for (const op of api.operations) {
            await client.request(...good(op, { key: `whk_unknown_${op.id}` }));
        }

        save(config, 'release', '');
        const answers = await Promise.all(waiting);
        tap(answers.every((x) => [202, 503].includes(x.status)), 'what waited was answered');
    },

    // all operations: the store is broken, or the encryption key another

    async broken(client) {
        await Promise.all(api.operations.flatMap((op) => [
            client.request(...good(op)),
            client.request(...good(op, { key: 'whk_not_known' })),
        ]));
    },

    async sealed(client) {
        const webhook = `/companies/acme/webhooks/${fixture.webhook}`;
        await client.request('GET', `${webhook}/secret`);
        await client.request('POST', `${webhook}/secret/rotate`, { json: { grace: '1h' } });
        await client.request('PATCH', webhook, { json: { headers: { 'X-A': 'b' } } });
    },

    async report(client, config) {
        const documentErrors = await api.validateDocument();
        tap(documentErrors.length === 0, 'docs/openapi.yaml is a good OpenAPI document', documentErrors);

        const all = new Set(load(config, 'seen').split('\n'));
        const wanted = api.operations.flatMap((op) => Object.entries(op.responses).flatMap(
            ([status, response]) => api.codes(response).map((c) => `${op.id} ${status} ${c}`.trim())));
        const excused = (key) => UNSEEN.some(([pattern]) => pattern.test(key));
        const never = wanted.filter((key) => !all.has(key) && !excused(key));
        const needless = UNSEEN.filter(([p]) => !wanted.some((key) => p.test(key) && !all.has(key)));

        tap(never.length === 0, `all that is documented is seen (${wanted.length})`, never);
        tap(needless.length === 0, 'no exception is needless', needless.map(String));
    },
};

function same(a, b) {
    const sorted = (v) => (v && typeof v === 'object' && !Array.isArray(v)
        ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])]))
        : Array.isArray(v) ? v.map(sorted) : v);
    return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function save(config, name, text) {
    fs.writeFileSync(`${config.dir}/${name}`, text);
}

function load(config, name) {
    return fs.readFileSync(`${config.dir}/${name}`, 'utf8');
}

run(async (client, config) => {
    if (fs.existsSync(`${config.dir}/fixture`)) fixture = JSON.parse(load(config, 'fixture'));
    client.watch = (x) => errors.push(...api.validate(x, seen));

    try {
        await phases[config.phase](client, config);
    } finally {
        fs.appendFileSync(`${config.dir}/seen`, [...seen, ''].join('\n'));
        if (config.phase !== 'report') {
            tap(errors.length === 0, `${config.phase}: ${client.exchanges} exchanges are as documented`,
                [...new Set(errors)]);
        }
    }
});
