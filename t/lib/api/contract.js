// A walk over all operations of docs/openapi.yaml, with good and bad input:
// every answer is as the document says, and all that it says is seen.
//
// In phases, between which the Perl file changes the server: what was seen is
// kept in a file until the last of them, "report".

'use strict';

const fs = require('fs');
const api = require('./document');
const { tap, run } = require('./client');
const world = require('./world');
const uses = require('./uses');

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

const phases = {

    async main(client, config) {
        await client.ok('POST', '/companies', { json: { uid: 'shut', name: 'Shut' } });
        fixture = await world.company(client, 'acme', config, api.operations);
        await client.ok('POST', '/companies', { json: { uid: 'other', name: 'Other', enabled: true } });
        const keys = await world.keys(client, 'acme', 'other', 'shut');
        fixture.name = 'an.event';
        fixture.url = config.ok;
        await client.ok('POST', '/event-types', { json: { name: 'an.event' } });

        for (const part of Object.values(uses(client, config, keys, fixture, errors))) await part();

        const document = await client.request('GET', '/openapi.json');

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
