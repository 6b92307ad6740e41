// Each operation of the API as it is meant to be used, and each refusal that is
// its own: for t/lib/api/contract.js.

'use strict';

const { execFileSync } = require('child_process');
const world = require('./world');

// An id as the store has it.

function number(id) {
    return [...id.split('_')[1]].reduce((n, digit) =>
        n * 32n + BigInt('0123456789abcdefghjkmnpqrstvwxyz'.indexOf(digit)), 0n);
}

// The parts of the walk, by resource; what is found wrong goes to "errors".

module.exports = (client, config, keys, fixture, errors) => {
    const at = '/companies/acme';
    const event = { company: 'acme', event: 'honeypot.alert', payload: { a: [1.50, 'é'] } };
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

    const $ = (method, target, json, more = {}) => client.request(method, target,
        { ...(json === undefined ? {} : { json }), ...more });

    // The pages of a list are the list.

    const pages = async (target) => {
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
    };

    return {
        async ingest() {
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

            await $('POST', '/events', undefined, { type: 'application/x-ndjson', body: JSON.stringify(event),
                                                    headers: { 'idempotency-key': 'batch' } });

            const last = await $('POST', '/events', { ...event, payload: 'erased' });
            await $('DELETE', `${at}/messages/${last.json.id}`);
            await $('DELETE', `${at}/messages/${last.json.id}`);
        },

        async companies() {
            const third = await $('POST', '/companies', { uid: 'third', name: 'é', enabled: true });
            await $('POST', '/companies', { uid: 'third', name: 'again' });
            await $('POST', '/companies', { uid: null, name: 'without' });
            await $('GET', '/companies');
            await pages('/companies');
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
            await pages('/access-requests');
            await $('DELETE', `/companies/${late.json.id}`);

            const session = await $('POST', `${at}/portal-sessions`, { expires_in: '30m' });
            await $('GET', `/keys/${session.json.id}`);
            await $('POST', `${at}/portal-sessions`, undefined);
            await $('GET', `${at}/webhooks`, undefined, { key: session.json.token });
        },

        async webhooks() {
            const full = await $('POST', `${at}/webhooks`, {
                url: config.ok, events: ['a.b', 'c.*', '*'], description: 'all', enabled: true,
                concurrency: 3, rate_limit: '010/m', retry_delays: ['1s', '1h 30m', '2d'], ordered: true,
                headers: { 'X-A': 'b', 'x-c': 'd é' }, secret: 'whsec_' + 'A'.repeat(32),
            });
            const webhook = `${at}/webhooks/${full.json.id}`;
            await $('GET', webhook);
            await $('GET', `${at}/webhooks`);
            await pages(`${at}/webhooks`);
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
        },

        // Lists with all their filters.

        async events() {
            await client.until('deliveries', async () =>
                !(await client.ok('GET', `${at}/webhook-events?status=pending`)).data.length);
            for (const q of ['', '?status=delivered', '?status=failed', '?event=scan.done', '?limit=1',
                             `?webhook=${fixture.webhook}`, `?message=${fixture.message}`,
                             `?webhook=${world.missing('webhook')}`])
            {
                await $('GET', `${at}/webhook-events${q}`);
            }
            await pages(`${at}/webhook-events`);
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
            await pages(`${at}/messages`);
            await $('GET', `${at}/messages/${fixture.message}`);
        },

        // Retry and cancel, tests that wait.

        async again() {
            await $('POST', `${events}/${fixture.failed}/retry`);
            await settled(fixture.failed);
            await $('POST', `${events}/${fixture.webhook_event}/cancel`);
            await $('POST', `/companies/shut/webhook-events/${fixture.failed}/retry`);

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
        },

        async replays() {
            await $('POST', '/companies/shut/replays', { webhook_id: fixture.webhook, source: 'messages' });

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
            await pages(`${at}/replays`);
            await $('GET', many);
            await $('GET', `${events}?event=many.events&status=pending`);
            await $('POST', `${at}/replays/${made[0].json.id}/cancel`);
            await $('POST', `${at}/replays/${made[0].json.id}/cancel`);
            await $('DELETE', many);
            await $('GET', `${at}/replays/${made[1].json.id}`);
        },

        async types() {
            await $('POST', '/event-types', { name: 'honeypot.alert', description: 'd', example: { a: 1 },
                                              schema: { type: 'object' } });
            await $('POST', '/event-types', { name: 'honeypot.alert' });
            await $('POST', '/event-types', { name: 'scan.done', example: null, schema: true, description: null });
            await $('POST', '/event-types', { name: 'system.x' });
            await $('GET', '/event-types');
            await pages('/event-types');
            await $('GET', '/event-types/honeypot.alert', undefined, { key: keys.company });
            await $('PATCH', '/event-types/honeypot.alert', { example: { b: 2 }, schema: null },
                    { type: 'application/merge-patch+json' });
            await $('PATCH', '/event-types/honeypot.alert', { description: 'new', example: [1] });
            await $('PATCH', '/event-types/honeypot.alert', { example: 'x'.repeat(40000) });
            await $('DELETE', '/event-types/scan.done');
        },

        async keys() {
            const key = await $('POST', '/keys', { name: 'a key', role: 'company', company: 'acme',
                                                   expires_at: '2037-01-01T00:00:00+01:00' });
            await $('POST', '/keys', { name: 'a key', role: 'company', company: 'no-such' });
            await $('POST', '/keys', { name: 'a key', role: 'company' });
            await $('POST', '/keys', { name: 'a key', role: 'admin', company: 'acme' });
            await $('GET', '/keys');
            await pages('/keys');
            await $('GET', `/keys/${key.json.id}`);
            await $('DELETE', `/keys/${key.json.id}`);
        },

        // Statistics, how the server is, its document, and what is no operation.

        async server() {
            const gone = (await hook(config.ok)).split('/').pop();
            await $('DELETE', `${at}/webhooks/${gone}`);

            const ago = (h) => new Date(Date.now() - h * 3600000).toISOString();
            for (const q of ['', '?bucket=1m', '?until=1970-01-01T00:30:00Z',
                             `?bucket=1d&since=${ago(48)}&until=${ago(24)}`, '?by=webhook&limit=1',
                             '?by=webhook&bucket=5m&since=' + ago(2), `?webhook=${fixture.webhook}`,
                             `?webhook=${gone}`, `?webhook=${world.missing('webhook')}`,
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
        },
    };
};
