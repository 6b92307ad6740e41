// Requests at random, made from docs/openapi.yaml by fast-check, so that one
// that fails is made smaller and can be had again by its seed. Good and bad
// ones to all operations, with ids that earlier answers gave.
//
// Whatever comes: the answer is documented, what is accepted is valid by the
// document, what is valid is not refused for its shape, and no worker ends.

'use strict';

const fc = require('fast-check');
const api = require('./document');
const { tap, run } = require('./client');
const world = require('./world');

// Names for what the server has: ids that answers gave, a few for each prefix,
// of a company and of all.

const COMPANIES = ['acme', 'other'];
const ID = /\b(co|wh|msg|evt|att|key|req|rpl)_[0-7][0-9a-hjkmnp-tv-z]{12}\b/g;
const pool = new Map();

function remember(x) {
    const [, company] = /^\/companies\/(acme|other)\//.exec(x.path) || [];

    for (const id of x.answer.body.match(ID) || []) {
        const prefix = id.slice(0, id.indexOf('_') + 1);
        for (const key of company ? [prefix, company + prefix] : [prefix]) {
            const ids = pool.get(key) || pool.set(key, []).get(key);
            if (ids.includes(id)) continue;
            if (ids.length === 40) ids.shift();
            ids.push(id);
        }
    }
}

// A choice that is made when the request is sent: an id that is there then.

class Known {
    constructor(prefix, n) { this.prefix = prefix; this.n = n; }

    get(company) {
        const ids = pool.get((company || '') + this.prefix) || [];
        return ids.length ? ids[this.n % ids.length] : `${this.prefix}0000000000000`;
    }
}

// How an id would look is known from its pattern.

function known(schema) {
    const [, prefix] = /^\^(\w+_)\[0-7\]/.exec(schema.pattern || '') || [];
    return prefix && fc.nat({ max: 39 }).map((n) => new Known(prefix, n));
}

// Texts that have caught servers before.

const odd = fc.oneof(
    fc.constantFrom('', ' ', '\u0000', 'a\u0000b', '\r\nX-A: b', '../..', '%00', '%', '{}', 'null',
                    '*', '.*', 'a.*', 'a..b', '.', "'; DROP TABLE message; --", '9223372036854775808',
                    '-1', '1e9', '1d', '99999999999d', '\u202e', '\ufeff', '\ud83d\ude00',
                    'http://127.0.0.1:1/', 'https://user:pw@example.com/', 'https://[::1]/',
                    'https://example.com:99999/', 'https://exa mple.com/', 'https://example.com/#\u00e9'),
    fc.string({ maxLength: 20, unit: 'binary' }),
    fc.integer({ min: 100, max: 5000 }).map((n) => 'x'.repeat(n)),
    fc.nat({ max: 20 }).map((n) => '\u00e9'.repeat(n * 60)));

const anything = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3, withCrossShrink: true }, fc.constant(null), fc.boolean(),
                    fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), odd,
                    fc.array(tie('value'), { maxLength: 4 }),
                    fc.dictionary(fc.oneof(odd, fc.constantFrom('id', 'name', 'secret')),
                                  tie('value'), { maxKeys: 4 })),
})).value;

// Values of a schema.

function values(schema, depth = 0) {
    if (schema === undefined || schema === true) return anything;

    const id = known(schema);
    if (id) return id;
    if (schema.$ref) return values(api.resolve(schema), depth);
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    if (schema.oneOf || schema.anyOf) {
        return fc.oneof(...(schema.oneOf || schema.anyOf).map((s) => values(s, depth)));
    }
    if (schema.allOf && !schema.properties) return values(schema.allOf[0], depth);

    const types = [].concat(schema.type || []);
    if (types.length === 0) return anything;

    return fc.oneof(...types.map((type) => ofType(type, schema, depth)));
}

function ofType(type, schema, depth) {
    switch (type) {
    case 'null': return fc.constant(null);
    case 'boolean': return fc.boolean();
    case 'integer':
        return fc.integer({ min: schema.minimum ?? -1000, max: schema.maximum ?? 100000 });
    case 'number': return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'array':
        return fc.array(values(schema.items, depth + 1),
                        { minLength: schema.minItems || 0, maxLength: Math.min(schema.maxItems ?? 5, 5) });
    case 'object': return object(schema, depth);
    }

    if (schema.format === 'date-time') {
        return fc.date({ min: new Date('1960-01-01'), max: new Date('2200-01-01'), noInvalidDate: true })
               .map((d) => d.toISOString());
    }

    if (schema.pattern && !/\(\?/.test(schema.pattern)) {
        return fc.oneof({ weight: 8, arbitrary: fc.stringMatching(new RegExp(schema.pattern, 'u')) },
                        { weight: 1, arbitrary: fc.constantFrom('honeypot.alert', 'scan.done', '*') });
    }

    return fc.oneof(fc.string({ minLength: schema.minLength || 0, maxLength: 40, unit: 'grapheme' }),
                    fc.constantFrom('https://hooks.example.com/a', 'http://127.0.0.1:1/', 'acme'));
}

function object(schema, depth) {
    const properties = Object.assign({}, ...api.keyword(schema, 'properties'));
    const required = api.keyword(schema, 'required').flat();
    const record = {};

    for (const [name, s] of Object.entries(properties)) record[name] = values(s, depth + 1);

    if (Object.keys(properties).length === 0) {
        return typeof schema.additionalProperties === 'object'
            ? fc.dictionary(schema.propertyNames ? values(schema.propertyNames) : odd,
                            values(schema.additionalProperties, depth + 1), { maxKeys: 4 })
            : fc.dictionary(odd, anything, { maxKeys: 3 });
    }

    return fc.record(record, { requiredKeys: required });
}

// What may happen to a body on its way.

const mutation = fc.oneof(
    { weight: 6, arbitrary: fc.constant(['none']) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('member'), fc.nat(), anything) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('extra'), odd, anything) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('missing'), fc.nat()) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('cut'), fc.nat()) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('byte'), fc.nat(), fc.integer({ min: 0, max: 255 })) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('twice'), fc.nat()) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('other'), anything) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('deep'), fc.integer({ min: 1, max: 600 })) });

function mutate(json, [kind, n, value]) {
    const text = (v) => Buffer.from(JSON.stringify(v)).toString('latin1');
    const names = Object.keys(json);
    const name = names.length && Number.isInteger(n) ? names[n % names.length] : 'a';

    switch (kind) {
    case 'member': return text({ ...json, [name]: value });
    case 'extra': return text({ ...json, [n]: value });
    case 'missing': { const copy = { ...json }; delete copy[name]; return text(copy); }
    case 'cut': { const t = text(json); return t.slice(0, n % (t.length + 1)); }
    case 'byte': { const t = text(json); const at = n % t.length;
                   return t.slice(0, at) + String.fromCharCode(value) + t.slice(at + 1); }
    case 'twice': return text(json).replace(/}$/, `,${text({ [name]: json[name] ?? null }).slice(1)}`);
    case 'other': return text(n);
    case 'deep': return text({ ...json, [name]: 0 }).replace(/0}$/, `${'['.repeat(n)}${']'.repeat(n)}}`);
    }

    return text(json);
}

// Replaces the ids that are to be chosen now.

function now(value, company) {
    if (value instanceof Known) return value.get(company);
    if (Array.isArray(value)) return value.map((v) => now(v, company));
    if (value && typeof value === 'object') {
        return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, now(v, company)]));
    }
    return value;
}

// One request to an operation: made of what fast-check chooses, sent later.

function requests(op, keys) {
    const good = (p) => (p.name === 'company' && p.in === 'path' ? fc.constantFrom(...COMPANIES)
                                                                 : values(p.schema));
    const param = (p) => fc.oneof({ weight: 9, arbitrary: good(p) },
                                  { weight: 1, arbitrary: values(p.schema) },
                                  { weight: 1, arbitrary: odd });
    const parts = {
        ids: fc.record(Object.fromEntries(op.params.filter((p) => p.in === 'path')
            .map((p) => [p.name, param(p)]))),
        query: fc.record(Object.fromEntries(op.query.map((p) => [p.name, param(p)])), { requiredKeys: [] }),
        headers: fc.record(Object.fromEntries(op.params.filter((p) => p.in === 'header')
            .map((p) => [p.name.toLowerCase(), values(p.schema)])), { requiredKeys: [] }),
        body: op.body ? values(api.schemaOfBody(op)) : fc.constant(undefined),
        mutation,
        key: fc.oneof({ weight: 12, arbitrary: fc.constant('admin') },
                      { weight: 2, arbitrary: fc.constant('company') },
                      { weight: 1, arbitrary: fc.constantFrom(...keys) }),
        type: fc.oneof({ weight: 9, arbitrary: fc.constant('application/json') },
                       { weight: 1, arbitrary: fc.constantFrom('application/x-ndjson', 'text/plain',
                           'application/json; charset=utf-8', 'application/merge-patch+json', '') }),
    };

    return fc.record(parts).map((r) => ({ op, ...r }));
}

const SHAPE = ['unknown_member', 'missing_member', 'wrong_type'];
const DESTROY = /^(deleteCompany|revokeKey|deleteWebhook|deleteMessage)$/;

run(async (client, config) => {
    await client.ok('POST', '/companies', { json: { uid: 'shut', name: 'Shut' } });
    await world.company(client, 'acme', config, api.operations);
    await world.company(client, 'other', config, api.operations);
    const keys = await world.keys(client, 'acme', 'other', 'shut');

    let count = 0;
    let sent;
    const statuses = {};
    const problems = [];

    const known = api.operations.flatMap((op) => [...Array(DESTROY.test(op.id) ? 1 : 4)].map(() => op));
    const request = fc.oneof(...known.map((op) => requests(op, Object.keys(keys))));

    client.watch = remember;
    for (const target of ['/companies', '/companies/acme/webhooks', '/companies/acme/webhook-events', '/keys']) {
        await client.ok('GET', target);
    }

    const send = async (r) => {
        const company = COMPANIES.includes(r.ids.company) ? r.ids.company : undefined;
        const ids = now(r.ids, company);
        const to = r.op.template.replace(/\{(\w+)\}/g,
            (all, name) => encodeURIComponent(step(ids[name])));
        const query = Object.entries(now(r.query, company))
                      .map(([k, v]) => `${k}=${encodeURIComponent(well(v).slice(0, 400))}`).join('&');

        // nginx itself takes 8k

        const target = query && to.length + query.length < 7000 ? `${to}?${query}` : to;
        const json = now(r.body, company);
        const body = json === undefined ? undefined : mutate(json, r.mutation);
        const headers = {};

        for (const [name, value] of Object.entries(r.headers)) {
            if (/^[ -~]+$/.test(value)) headers[name] = value;
        }

        sent = client.request(r.op.method, target,
            { key: keys[r.key], headers, ...(body === undefined ? {} : { body, type: r.type }) });

        const x = await sent;

        count++;
        statuses[x.status] = (statuses[x.status] || 0) + 1;

        const errors = api.validate(x);
        if (x.status >= 500) errors.push(`${r.op.id}: ${x.status} ${x.answer.body}`);
        errors.push(...shape(r, x));

        if (errors.length) throw new Error(errors.join('\n') + `\n${r.op.method} ${target}\n${body}`);
    };

    // what is valid is not refused for its shape

    const shape = (r, x) => {
        if (x.status !== 422 || !x.json || !x.json.errors || r.type === 'application/x-ndjson') return [];
        let json;
        try { json = JSON.parse(Buffer.from(x.body, 'latin1').toString()); } catch (e) { return []; }
        if (api.check(api.requests, api.schemaOfBody(r.op), json, '').length) return [];
        return x.json.errors.filter((e) => SHAPE.includes(e.code)).map((e) => `${r.op.id} refuses what is valid: ${JSON.stringify(e)}`);
    };

    // for so long, a run of many requests after the other

    const end = Date.now() + Number(process.env.WEBHOOK_FUZZ || 12) * 1000;
    const seed = Number(process.env.WEBHOOK_FUZZ_SEED || Date.now() % 2 ** 31);

    for (let round = 0; Date.now() < end && problems.length < 5; round++) {
        const details = await fc.check(fc.asyncProperty(request, send), {
            seed: seed + round, numRuns: 500, endOnFailure: false,
            interruptAfterTimeLimit: Math.max(end - Date.now(), 1000), markInterruptAsFailure: false,
        });

        if (details.failed) {
            problems.push(`seed ${seed + round}: ${details.errorInstance || details.error}`
                          .replace(/(.{1500}).*/g, '$1...'));
        }

        // the last may be on its way when the time is over; what was destroyed
        // is made again, and lists stay short
        await sent;
        await restore(client, config, keys);
    }

    console.log(`${count} requests, seed ${seed}, ${JSON.stringify(statuses)}`);
    tap(problems.length === 0, 'requests at random', problems);
    tap(count > 100 && statuses[200] && statuses[201] && statuses[204] && statuses[422] && statuses[404],
        'of all kinds', [JSON.stringify(statuses)]);

    const last = await client.request('GET', '/companies');
    tap(last.status === 200, 'the server is well', [last.answer.body]);
});

// What nginx itself refuses, or takes out of a path, is not the API's.

function step(value) {
    const text = well(value).replace(/\0/g, '0').slice(0, 200);
    return text === '' || /(^|\/)\.\.?(\/|$)/.test(text) ? `x${text.replace(/\//g, '')}` : text;
}

function well(value) {
    return String(value).toWellFormed ? String(value).toWellFormed()
        : String(value).replace(/[\ud800-\udfff]/g, '?');
}

async function restore(client, config, keys) {
    pool.clear();

    const { data: made } = await client.ok('GET', '/keys?limit=250');
    for (const key of made.slice(20)) await client.request('DELETE', `/keys/${key.id}`);

    for (const uid of COMPANIES) {
        const x = await client.request('GET', `/companies/${uid}`);
        if (x.status === 404) {
            await client.request('POST', '/companies', { json: { uid, name: uid, enabled: true } });
        } else if (!x.json.enabled) {
            await client.request('PATCH', `/companies/${uid}`, { json: { enabled: true } });
        }

        const { data } = await client.ok('GET', `/companies/${uid}/webhooks?limit=250`);
        for (const w of data.slice(20)) await client.request('DELETE', `/companies/${uid}/webhooks/${w.id}`);
        if (data.length < 2) {
            await client.request('POST', `/companies/${uid}/webhooks`,
                                 { json: { url: config.ok, events: ['*'] } });
        }
        await client.ok('POST', '/events', { json: { company: uid, event: 'honeypot.alert', payload: 1 } });
        await client.ok('GET', `/companies/${uid}/webhook-events`);
    }

    for (const [role, company] of [['ingest', null], ['company', 'acme']]) {
        const { key } = await client.ok('POST', '/keys', { json: { name: role, role, company } });
        keys[role] = key;
    }

    const spare = (c) => ![...COMPANIES, 'shut'].includes(c.uid) && c.id;

    for (const [list, keep, one] of [['/companies', 20, spare], ['/event-types', 50, (t) => t.name]]) {
        const { data } = await client.ok('GET', `${list}?limit=250`);
        for (const row of data.slice(keep)) {
            if (one(row)) await client.request('DELETE', `${list}/${encodeURIComponent(one(row))}`);
        }
    }
}
