// The timeline: events with their webhooks and attempts, and as they happen.

import { api, env, go, ingest, is, ok, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

const names = (page) => page.$$eval('.timeline .event-row .event-name', (l) => l.map((n) => n.textContent).join());

export async function run(page) {
    await api('POST', '/companies', { uid: 'line', name: 'Line', enabled: true });
    await session(page, 'line');
    await page.waitForSelector('text=Add your first webhook');
    await go(page, '/events');
    ok(await page.isVisible('text=Nothing has happened yet'), 'no event: what to do');
    await audit(page, 'no events');

    const good = await api('POST', '/companies/line/webhooks', { url: `${env.RECEIVER}/ok`, events: ['a.*'], description: 'Good' });
    const bad = await api('POST', '/companies/line/webhooks', { url: `${env.RECEIVER}/say/503/busy`, events: ['a.two', 'down.*'],
        description: 'Down', retry_delays: ['10m'], });

    await ingest('line', 'a.one', 1);
    await ingest('line', 'nobody.wants', 1);
    await ingest('line', 'a.two', 1);
    await waitFor('the attempts', async () =>
        (await api('GET', '/companies/line/webhook-events?status=pending')).data.some((e) => e.waiting_for === 'schedule')
        && (await api('GET', '/companies/line/webhook-events?status=delivered')).data.length === 2);

    await go(page, '/events');
    is(await names(page), 'a.two,nobody.wants,a.one', 'newest first, those that nobody wants, too');
    const [two, nobody, one] = await page.$$eval('.event-row', (l) => l.map((r) => r.innerText));

    ok(/Good/.test(one) && !/Down/.test(one), 'an event has its webhooks');
    ok(/no webhook wanted it/.test(nobody), 'or none');
    ok(/Good/.test(two) && /Down/.test(two) && /9 min|10 min/.test(two), 'one that waits has its countdown', two);
    const first = await page.innerText('.pill-more');
    await waitFor('the countdown', async () => await page.innerText('.pill-more') !== first);
    ok(true, '... which counts');

    // opened: attempts, retry, cancel

    await page.click('.event-row >> nth=0 >> .fold');
    await page.waitForSelector('.target .tries');
    const panel = await page.innerText('.panel:not([hidden])');

    ok(/503/.test(panel) && /200/.test(panel) && /next try in/.test(panel), 'opened: each attempt, and the next', panel);
    await audit(page, 'events, opened');

    const target = page.locator('.target', { hasText: 'Down' });

    await target.locator('text=Retry now').click();
    await page.waitForSelector('text=It is being sent');
    const [event] = (await api('GET', `/companies/line/webhook-events?webhook=${bad.id}`)).data;
    await waitFor('another attempt', async () =>
        (await api('GET', `/companies/line/webhook-events/${event.id}`)).attempts.length === 2);
    ok(true, 'Retry now');
    is(await page.evaluate(() => document.activeElement.textContent), 'Retry now', '... keeps the focus');
    await target.locator('.tries li.bad >> nth=1').waitFor();
    ok(true, '... and its attempt is seen when it is made');
    await target.locator('text=Cancel').click();
    await waitFor('its end', async () =>
        (await api('GET', `/companies/line/webhook-events/${event.id}`)).status === 'cancelled');
    await target.locator('text=somebody cancelled it').waitFor();
    ok(true, 'and Cancel');
    await page.waitForSelector('.event-row >> nth=0 >> .pill.cancelled');
    ok(true, '... which the row says, too');
    await page.click('.event-row >> nth=1 >> .fold');
    await page.waitForSelector('text=no webhook was subscribed to it');
    ok(true, 'opened: what to do with one that nobody wanted');
    await page.click('.event-row >> nth=1 >> .fold');

    // as it happens

    await page.click('button:has-text("Live")');
    is(await page.getAttribute('.live', 'aria-pressed'), 'true', 'live');
    await ingest('line', 'a.live', 1);
    await page.waitForSelector('.event-row:has-text("a.live")');
    ok(true, 'a new event appears');
    await page.waitForFunction(() => /1 new event/.test(document.getElementById('said').textContent));
    ok(true, '... and is told');
    await page.waitForSelector('.event-row:has-text("a.live") .pill.delivered');
    ok(await page.isVisible('.target'), 'and what is open stays open');

    // an endpoint that is down is said once

    for (let i = 0; i < 6; i++) {
        await ingest('line', 'down.again', i);
    }
    await page.waitForSelector('.run:has-text("× 6")');
    is(await page.locator('.event-row:has-text("down.again")').count(), 1, 'six that fail alike are one row');
    await page.click('.run .fold');
    is(await page.locator('.event-row:has-text("down.again")').count(), 7, 'which opens');
    await page.click('.run .fold');
    await waitFor('the breaker', async () => (await api('GET', `/companies/line/webhooks/${bad.id}`)).health.breaker === 'open');
    await page.click('button:has-text("Live")');
    is(await page.getAttribute('.live', 'aria-pressed'), 'false', 'and not live any more');
    await ingest('line', 'a.unseen', 1);

    await go(page, '/events');
    await page.waitForSelector('.notice.bad:has-text("Failing since")');
    ok(/Down .*Failing since .*answered 503/s.test(await page.innerText('.notice.bad')), 'what is down is said above');
    const loud = await page.$$eval('.notice [data-until]', (l) => l.map((e) => e.getAttribute('aria-live')).join());

    is(loud, 'off', 'its countdown is not read out each second');
    await audit(page, 'events, with an endpoint that is down');

    // what waits for an endpoint that is paused: until when

    await ingest('line', 'down.late', 1);
    await waitFor('it to wait', async () =>
        (await api('GET', '/companies/line/webhook-events?event=down.late')).data[0].waiting_for === 'breaker');
    await go(page, '/events?event=down.late');
    await page.waitForSelector('.event-row .pill-more');
    ok(/^(5\d min|1 h)/.test(await page.innerText('.pill-more')), 'paused: its countdown');
    ok(/Pending, paused/.test(await page.getAttribute('.pill', 'title')), '... and why');
    await page.click('.event-row .fold');
    await page.waitForSelector('.target .tries');
    ok(/paused after too many failures: goes on in (5\d min|1 h)/.test(await page.innerText('.target')), '... in words');
    await page.click('.target >> text=Details');
    await page.waitForSelector('.target-sum:has-text("goes on in")');
    ok(/goes on in (5\d min|1 h)/.test(await page.innerText('.target-sum')), '... at the event, too');
    const until = await page.getAttribute('.target-sum .count', 'datetime');

    is(until, (await api('GET', `/companies/line/webhooks/${bad.id}`)).health.paused_until, '... the time of the webhook');

    // more that fail than are told one by one

    for (let i = 0; i < 3; i++) {
        await api('POST', '/companies/line/webhooks', { url: `${env.RECEIVER}/status/500`, events: ['fail'], description: `F${i}` });
    }
    await ingest('line', 'fail', 1);
    await waitFor('three to fail', async () => (await api('GET', '/companies/line/webhooks')).data
        .filter((w) => w.health.failing_since).length === 4);
    await go(page, '/events');
    await page.waitForSelector('text=1 other webhook fails, too');
    is(await page.locator('.notice.bad').count(), 3, 'three that fail are told, and how many more');

    // a status that no longer holds

    const late = (await api('GET', '/companies/line/webhook-events?event=down.late')).data[0];

    await go(page, '/events?event=down.late&status=pending');
    await page.waitForSelector('.event-row');
    await page.click('button:has-text("Live")');
    await api('POST', `/companies/line/webhook-events/${late.id}/cancel`);
    await page.waitForFunction(() => !document.querySelector('.event-row'));
    ok(true, 'what is not pending any more leaves the list of what is');

    // an attempt whose time has come is seen without a click

    await api('POST', '/companies/line/webhooks', { url: `${env.RECEIVER}/fail/1/line`, events: ['soon'], description: 'Soon',
        retry_delays: ['3s'] });
    await ingest('line', 'soon', 1);
    await waitFor('its first attempt', async () =>
        (await api('GET', '/companies/line/webhook-events?event=soon')).data[0].waiting_for === 'schedule');
    await go(page, '/events?event=soon');
    await page.waitForSelector('.event-row .pill.pending');
    await page.waitForSelector('.event-row .pill.delivered', { timeout: 20000 });
    ok(true, 'a countdown ends with what came of it');

    // what was deleted

    await api('DELETE', `/companies/line/webhooks/${good.id}`);
    await go(page, '/events?event=a.one');
    ok(/deleted webhook/.test(await page.innerText('.event-row')), 'a webhook that is gone');

    // more than a page

    for (let i = 0; i < 60; i++) {
        await ingest('line', `many.n${i}`, i);
    }
    await go(page, '/events?range=1h');
    is(await page.locator('.event-row').count() >= 50, true, 'a page');
    ok(!(await names(page)).includes('a.one'), 'not all of them');
    await page.click('text=Older events');
    await page.waitForSelector('text=That is all');
    ok((await names(page)).includes('a.one'), 'then the rest');
}
