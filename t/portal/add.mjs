// Adding a webhook: the rules of its URL, the choice of events, what is refused.

import { api, env, go, ingest, is, ok, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

const rules = (page) => page.$$eval('.rules li', (list) => list.map((l) => l.className).join(' '));

export async function run(page) {
    await api('POST', '/companies', { uid: 'adds', name: 'Adds', enabled: true });
    for (const name of ['honeypot.alert', 'honeypot.login', 'honeypot.session.begun', 'honeypot.session.ended', 'scan.finished']) {
        await api('POST', '/event-types', { name, description: `About ${name}` });
    }

    await api('PATCH', '/event-types/honeypot.login', { example: { user: '<root>', tries: 3 } });

    await session(page, 'adds');
    await page.click('text=Add webhook');
    await page.waitForSelector('h1:has-text("Add webhook")');
    is(await page.evaluate(() => document.activeElement.type), 'url', 'the focus is where one begins');

    for (const [url, want] of [['', 'open open open open'], ['htt', 'open open open good'],
        ['https://hooks.example.com/x', 'good good good good'], ['http://hooks.example.com/', 'bad good good good'],
        ['https://127.0.0.1/', 'good bad good good'], ['https://2130706433/', 'good bad good good'],
        ['https://[::1]/', 'good bad good good'], ['https://localhost/', 'good bad good good'],
        ['https://a.localhost./', 'good bad good good'], ['https://user:pw@a.example/', 'good good bad good'],
        ['https://a.example/#x', 'good good bad good'], ['https://a.example:0/', 'good good good bad'],
        ['https://a.example:99999/', 'good good good bad'], ['https://a.example/ü', 'good good good bad'],
        ['ftp://a.example/', 'bad good good good'], ['https://exa mple.com', 'good bad good bad']])
    {
        await page.fill('input[type=url]', url);
        is(await rules(page), want, `checked while it is typed: ${url}`);
    }

    await audit(page, 'add');

    // an example of what arrives, of the first type that is chosen and has one

    const arrives = () => page.innerText('.example');

    ok(/"user": "<root>"/.test(await arrives()), 'before a choice, any example');
    await page.fill('input[type=url]', 'https://a.example/in/box?x=1');
    ok(/POST \/in\/box\?x=1\nHost: a\.example/.test(await arrives()), 'as it comes to this URL', await arrives());
    await page.check('[data-name="scan.finished"]');
    ok(/"event": "scan\.finished"/.test(await arrives()) && !/root/.test(await arrives()), 'of a type without an example, its form');
    await page.check('[data-name="honeypot.*"]');
    ok(/"event": "honeypot\.login"/.test(await arrives()), '... of one that has it');

    // what is taken away leaves the focus near it

    const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent
        || document.activeElement.placeholder);

    await page.click('[aria-label="Remove honeypot.*"]');
    is(await focused(), 'Remove scan.finished', 'a choice that is removed: the focus is at the next');
    await page.keyboard.press('Enter');
    is(await focused(), 'scan.finished or scan.*', '... then where one types another');
    await page.click('summary:has-text("Delivery options")');
    await page.click('text=Add a header');
    await page.click('[aria-label="Remove header "]');
    is(await focused(), 'Add a header', 'a header that is removed: the focus is at what adds one');
    await page.click('summary:has-text("Delivery options")');

    // what is missing, and what the server refuses

    await page.fill('input[type=url]', '');
    await page.click('button:has-text("Add webhook")');
    await page.waitForSelector('.error:has-text("Say where")');
    await page.fill('input[type=url]', 'ftp://hooks.example.com/');
    await page.click('button:has-text("Add webhook")');
    await page.waitForSelector('.error:has-text("Choose at least one")');
    ok(true, 'a URL and events are needed');

    // the tree

    await page.check('[data-name="honeypot.*"]');
    ok(await page.isDisabled('[data-name="honeypot.alert"]') && await page.isChecked('[data-name="honeypot.session.*"]'),
       'a group takes what is in it');
    await page.uncheck('[data-name="honeypot.*"]');
    await page.check('[data-name="honeypot.session.*"]');
    ok(await page.isDisabled('[data-name="honeypot.session.begun"]') && await page.isEnabled('[data-name="honeypot.alert"]'),
       'a group in a group');
    await page.check('[data-name="*"]');
    ok(await page.isChecked('[data-name="scan.finished"]') && !await page.isChecked('[data-name="system.event.failed"]'),
       '* takes all but the operational events');
    await page.uncheck('[data-name="*"]');
    await page.check('[data-name="system.webhook.failing"]');
    await page.fill('[aria-label="Search event types"]', 'scan');
    is(await page.$$eval('.tree [data-name]', (l) => l.map((i) => i.dataset.name).join()), 'scan.*,scan.finished', 'search');
    await page.check('[data-name="scan.finished"]');
    await page.fill('[aria-label="Search event types"]', 'nothing like it');
    ok(await page.isVisible('text=No event type has this'), 'and nothing found');
    await page.fill('[aria-label="Search event types"]', '');
    await page.fill('.typed input', 'a..b');
    await page.click('.typed button');
    ok(await page.isVisible('text=A name is letters'), 'a name that is none');
    await page.fill('.typed input', 'asset.*');
    await page.press('.typed input', 'Enter');
    await page.click('[aria-label="Remove scan.finished"]');
    is(await page.$$eval('.chips code', (l) => l.map((c) => c.textContent).join()),
       'asset.*,honeypot.session.*,system.webhook.failing', 'what is chosen');

    page.expected = [422];
    await page.click('button:has-text("Add webhook")');
    await waitFor('the refusal', async () => page.getAttribute('input[type=url]', 'aria-invalid'));
    is(await page.evaluate(() => document.activeElement.type), 'url', 'what the server refuses is said at the field');
    ok((await page.textContent('[data-pointer="/url"] .error')).length > 5, '... in words');

    // the options of deliveries

    await page.fill('input[type=url]', `${env.RECEIVER}/ok/added`);
    await page.fill('[data-pointer="/description"] input', 'Mine');
    await page.fill('.typed input', 'typed.name');
    await page.click('text=Delivery options');
    await page.fill('[data-pointer="/rate_limit"] input', 'fast');
    await page.click('button:has-text("Add webhook")');
    await waitFor('the refusal', async () => page.getAttribute('[data-pointer="/rate_limit"] input', 'aria-invalid'));
    ok(true, 'a rate that is none');
    await page.fill('[data-pointer="/rate_limit"] input', '50/s');
    await page.fill('[data-pointer="/concurrency"] input', '3');
    await page.fill('[data-pointer="/retry_delays"] input', '5s 1m');
    await page.check('text=In order');
    await page.click('text=Add a header');
    await page.fill('[aria-label="Header name"]', 'X-Api-Key');
    await page.fill('[aria-label="Header value"]', 'k1');
    await audit(page, 'add, with options');
    await page.click('button:has-text("Add webhook")');
    await page.waitForSelector('dialog');
    page.expected = [];

    const [w] = (await api('GET', '/companies/adds/webhooks')).data;
    const { secret } = await api('GET', `/companies/adds/webhooks/${w.id}/secret`);

    is(w.events.sort().join(), 'asset.*,honeypot.session.*,system.webhook.failing,typed.name', 'its events');
    is([w.description, w.concurrency, w.rate_limit, w.retry_delays.join(), w.ordered, Object.keys(w.headers).join()].join('|'),
       'Mine|3|50/s|5s,1m|true|X-Api-Key', 'its options');
    is(await page.textContent('dialog code'), secret, 'its secret is shown');
    await page.click('dialog [aria-label="Copy secret"]');
    is(await page.evaluate(() => navigator.clipboard.readText()), secret, '... and copied');
    await audit(page, 'added');
    await page.click('dialog >> text=Go to the webhook');
    await page.waitForSelector('h1:has-text("Mine")');

    // in the list

    await ingest('adds', 'asset.seen');
    await waitFor('the delivery', async () =>
        (await api('GET', '/companies/adds/webhook-events?status=delivered')).data.length === 1);
    await go(page, '/webhooks');
    const text = await page.innerText('.hook');

    ok(/Mine/.test(text) && /asset\.\*/.test(text) && /Healthy/.test(text) && /100%/.test(text) && /1 in 24 h/.test(text),
       'the list says how it is', text);
    ok(/1 attempt, 1 delivered/.test(await page.getAttribute('.spark', 'aria-label')), 'with the last 24 hours');
    await audit(page, 'webhooks');
}
