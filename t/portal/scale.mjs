/*
 * How long each screen takes until it can be used: from the change of the
 * address until what it is for is there.  The median, for others run beside it.
 */

import { api, browser, diag, done, env, ok, open, slow, waitFor } from './lib.mjs';

const LIMIT = 1000 * slow;
const ROUNDS = 3;

const { context, end } = await browser();
const page = await open(context);


/* The page itself, from the link of the provider's application on. */

async function opened(name, company, selector) {
    const times = [];

    for (let i = 0; i < ROUNDS; i++) {
        const s = await api('POST', `/companies/${company}/portal-sessions`, { expires_in: '2h' });
        const from = Date.now();

        await page.goto('about:blank');
        await page.goto(`${env.PORTAL}#token=${s.token}&company=${company}`);
        await page.waitForSelector(selector);
        times.push(Date.now() - from);
    }

    told(name, times);
}


function told(name, times) {
    const median = [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];

    diag(`${String(median).padStart(5)} ms  ${name} (${times.join(', ')})`);
    ok(median < LIMIT, `${name}: usable within a second`, times.join(', '));
}


/* From the change of the address until "selector" is there. */

async function screen(name, path, selector) {
    const times = [];

    for (let i = 0; i < ROUNDS; i++) {
        await page.evaluate(() => { location.hash = '/replays?'; });
        await page.waitForFunction(() => /^(Replays|Access requests)/.test(document.querySelector('main h1')?.textContent));
        await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => { setTimeout(done, 50); }); }));

        times.push(await page.evaluate(([p, s]) => new Promise((resolve, reject) => {
            const from = performance.now();
            const look = () => {
                if (document.querySelector(`main :is(${s})`)) {
                    requestAnimationFrame(() => resolve(Math.round(performance.now() - from)));
                } else if (performance.now() - from > 30000) {
                    reject(new Error(`${p}: ${document.querySelector('main').innerText.slice(0, 300)}`));
                } else {
                    requestAnimationFrame(look);
                }
            };

            document.querySelector('main').replaceChildren();
            location.hash = p;
            look();
        }), [path, selector]));
    }

    told(name, times);
}


await opened('the page, opened by a link', 'acme', '.hook');

const hooks = (await api('GET', '/companies/acme/webhooks?limit=250')).data;
const since = new Date(Date.now() - 15 * 86400000).toISOString();
const old = (await api('GET', `/companies/acme/webhook-events?until=${since}&limit=1`)).data[0];
const w = hooks[3].id;
const none = encodeURIComponent('no such text');

// the lists of an operator, and replays, have more than a page, too

const others = Array.from({ length: 150 }, (_, i) => i + 1);

while (others.length) {
    await Promise.all(others.splice(0, 15).map(async (n) => {
        await api('POST', '/companies', { uid: `waits${n}`, name: `Waits ${n}` });
        await api('POST', `/companies/waits${n}/access-requests`, { message: `we are ${n}` });
    }));
}

{
    const made = await Promise.all(hooks.slice(0, 8).map((x) => api('POST', '/companies/acme/replays', { webhook_id: x.id,
        source: 'webhook_events', filter: { event: 'rare.name', since: new Date(Date.now() - 600000).toISOString() } })));

    await waitFor('their end', async () => (await Promise.all(made.map((r) =>
        api('GET', `/companies/acme/replays/${r.id}`)))).every((r) => r.status === 'done'));
}

const screens = [
    ['webhooks', '/webhooks', '.hook'],
    ['overview, 1 h', `/webhooks/${w}?range=1h`, '.tiles'],
    ['overview, 24 h', `/webhooks/${w}?range=24h`, '.tiles'],
    ['overview, 7 d', `/webhooks/${w}?range=7d`, '.tiles'],
    ['overview, 30 d', `/webhooks/${w}?range=30d`, '.tiles'],
    ['settings', `/webhooks/${w}/settings`, '.secret-row'],
    ['verify', `/webhooks/${w}/verify`, '#sample'],
    ['add', '/webhooks/new', '.tree label'],
    ['events', '/events', '.event-row'],
    ['events of a status', '/events?status=failed', '.event-row'],
    ['events that wait', '/events?status=pending', '.more .empty'],
    ['events of a webhook', `/events?webhook=${w}`, '.event-row'],
    ['events of a webhook and status', `/events?webhook=${w}&status=failed`, '.event-row, .more .empty'],
    ['events of a name', '/events?event=area3.thing', '.event-row'],
    ['events of a rare name that failed', '/events?event=rare.name&status=failed', '.event-row, .more .empty'],
    ['events of a range', `/events?since=${since}&until=${new Date(Date.parse(since) + 86400000).toISOString()}`, '.event-row'],
    ['events by id', `/events?q=${old.id}`, '.event-row'],
    ['events by text', '/events?q=198.51.100.77', '.event-row'],
    ['events by text that is nowhere: the screen, while it searches', `/events?q=${none}`, '.filters'],
    ['an event', `/events/${old.message_id}`, '.attempt'],
    ['an event of a webhook', `/events/${old.message_id}/${old.id}`, '.attempt'],
    ['replays', '/replays?now', '.replay'],
    ['edit', `/webhooks/${w}/edit`, '.tree label'],
];

for (const [name, path, selector] of screens) {
    await screen(name, path, selector);
}

// what is asked before a replay, and a page further

const timed = async (name, f) => {
    const from = Date.now();

    await f();

    const ms = Date.now() - from;

    diag(`${String(ms).padStart(5)} ms  ${name}`);
    return ms;
};

await page.evaluate(() => { location.hash = '/events'; });
await page.waitForSelector('.event-row');
ok(await timed('older events', async () => {
    const n = await page.locator('.event-row').count();
    await page.click('text=Older events');
    await page.waitForFunction((x) => document.querySelectorAll('.event-row').length > x, n);
}) < LIMIT, 'older events within a second');
await page.evaluate((id) => { location.hash = `/events?webhook=${id}`; }, w);
await page.waitForFunction((id) => document.querySelector('[name=webhook]')?.value === id, w);
await page.click('button:has-text("Replay …")');
await page.waitForSelector('dialog');
ok(await timed('counting what is to be replayed', async () => {
    await page.selectOption('dialog select', 'delivered');
    await page.waitForSelector('dialog button:has-text("Replay ")', { timeout: 20000 });
}) < 3 * LIMIT, 'counted before a replay');
await page.keyboard.press('Escape');

// a test, and its outcome

await page.evaluate((id) => { location.hash = `/webhooks/${id}`; }, w);
await page.waitForSelector('.tiles');
ok(await timed('a test event, until its outcome is shown', async () => {
    await page.click('text=Send test event');
    await page.waitForSelector('.test-row.good');
}) < LIMIT, 'a test event within a second');

// what an operator has, and a company without access

await opened('the page of a company without access', 'waits1', '.ask');
await page.click('[aria-label="Sign out"]');
await page.fill('input[type=password]', env.KEY);
await page.click('button[type=submit]');
await page.waitForSelector('.request');
await screen('requests for access', '/operator', '.request');
await screen('companies', '/operator/companies', 'tbody tr');
ok(page.bad.length === 0, 'no error', page.bad.join('\n'));

await end();
done();
