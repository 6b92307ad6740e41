// A webhook: its charts, its test, its state when it fails.

import { api, env, go, ingest, is, ok, open, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

export async function run(page, context) {
    await api('POST', '/companies', { uid: 'hook', name: 'Hook', enabled: true });
    const make = (path, events, more) => api('POST', '/companies/hook/webhooks',
        { url: env.RECEIVER + path, events, ...more });
    const good = await make('/say/200/thanks', ['a.*'], { description: 'Good' });
    const bad = await make('/status/500', ['b'], { description: 'Bad', retry_delays: ['1h'] });
    const slow = await make('/slow/1200', ['c'], { description: 'Slow' });
    const gone = await make('/status/410', ['d'], { description: 'Gone' });

    for (const n of [1, 2, 3]) {
        await ingest('hook', 'a.one', n);
        await ingest('hook', 'b', n);
    }
    await ingest('hook', 'a.two', 1);
    await ingest('hook', 'd', 1);
    await waitFor('all to be tried', async () =>
        (await api('GET', `/companies/hook/webhooks/${bad.id}`)).health.breaker === 'open'
        && !(await api('GET', `/companies/hook/webhooks/${gone.id}`)).enabled
        && (await api('GET', '/companies/hook/webhook-events?status=delivered')).data.length === 4);

    await session(page, 'hook');
    await page.waitForSelector('.hook');
    const row = (id) => page.innerText(`.hook[data-id="${id}"]`);

    ok(/Paused/.test(await row(bad.id)), 'one that is paused');
    await page.waitForSelector(`.hook[data-id="${bad.id}"]:has-text("answered 500")`);
    ok(/next try in (5\d min|1 h)/.test(await row(bad.id)), '... why, and until when', await row(bad.id));
    ok(/Disabled/.test(await row(gone.id)) && /410/.test(await row(gone.id)), 'one that is gone');
    ok(/nothing was sent/.test(await row(slow.id)), 'one without traffic');
    await audit(page, 'webhooks in all states');

    // charts

    await page.click(`.hook[data-id="${good.id}"] a`);
    await page.waitForSelector('.chart svg');
    for (const range of ['1h', '24h', '7d', '30d']) {
        await page.check(`.segmented input[value="${range}"]`);
        await page.waitForSelector('.tiles');
        await waitFor(`the bars of ${range}`, async () => await page.locator('.plot .bar.good').count() > 0);
        const tiles = await page.innerText('.tiles');

        ok(/100%/.test(tiles) && /\b4\b/.test(tiles), `${range}: figures`, tiles);
        is(await page.getAttribute('.plot svg >> nth=0', 'aria-label'),
           'Attempts by outcome: 4 of 4 attempts delivered', `${range}: outcomes`);
        const days = (n) => page.$$eval(`.plot >> nth=${n} >> svg .axis`, (l) =>
            l.map((x) => x.textContent).filter((x) => /[A-Z:]/.test(x)).join());

        is(await days(0), await days(1), `${range}: both charts have the same days and times`);
        ok(/half of the attempts within/.test(await page.getAttribute('.plot svg >> nth=1', 'aria-label')), `${range}: latencies`);
    }

    // who sees no colours tells the lines by their strokes

    const strokes = await page.$$eval('.legend .p50, .legend .p95, .legend .p99', (l) => l.map((e) => {
        const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');

        line.setAttribute('class', `line ${e.className}`);
        document.querySelector('.plot svg').append(line);
        const dashes = getComputedStyle(line).strokeDasharray;

        line.remove();
        return `${getComputedStyle(e, '::before').borderTopStyle} ${dashes}`;
    }));

    is(strokes.length, 3, 'three lines');
    is(new Set(strokes.map((x) => x.split(' ')[0])).size, 3, 'their names show three strokes', strokes.join('; '));
    is(new Set(strokes.map((x) => x.split(' ').slice(1).join())).size, 3, '... as the lines have them', strokes.join('; '));

    await page.check('.segmented input[value="24h"]');
    await page.waitForSelector('.tiles');
    const since = await page.getAttribute('.section-head time', 'datetime');

    is(since, (await api('GET', `/companies/hook/stats?by=webhook`)).since, 'the figures count from when those of the list do');
    ok(/since \d/.test(await page.innerText('.section-head h2')), '... which is said');
    ok(Date.now() - Date.parse(since) < 24 * 3600000, '... and is no more than 24 hours ago');
    await page.click('.tile a');
    await page.waitForSelector('text=4 events listed');
    is(new URLSearchParams(page.url().split('?')[1]).get('since'), since, 'the events that were counted are those that are listed');
    await page.click('.back');
    await page.waitForSelector('h1:has-text("Good")');
    await page.waitForSelector('.tiles');
    ok(true, 'and back to the webhook');
    await go(page, `/webhooks/${good.id}?range=24h`);
    is(new URLSearchParams((await page.getAttribute('.ranks >> nth=1 >> a >> nth=0', 'href')).split('?')[1]).get('since'), since,
       'also of one name');
    ok(/200\s*4/.test(await page.innerText('.ranks >> nth=0')), 'by status code');
    ok(/a\.one\s*3.*a\.two\s*1/s.test(await page.innerText('.ranks >> nth=1')), 'by event');
    await page.check('.segmented input[value="24h"]');
    await page.waitForSelector('.tiles');
    await page.hover('.plot .bar.good');
    await page.waitForSelector('.tip:not([hidden])');
    ok(/delivered\s*4/.test(await page.innerText('.tip:not([hidden])')), 'figures at the pointer');
    await page.click('.figures summary >> nth=0');
    ok(/4/.test(await page.innerText('.figures[open] tbody')), 'and in a table');
    is(new URL(page.url()).hash, `#/webhooks/${good.id}?range=24h`, 'the range is in the address');
    await audit(page, 'overview');

    // days are those that were counted, also where it is another day

    const west = await open(context);
    const [today] = (await api('GET', '/companies/hook/stats?bucket=1d')).buckets.slice(-1);

    await west.addInitScript(() => {
        const Format = Intl.DateTimeFormat;

        Intl.DateTimeFormat = function (locale, options) {
            return new Format(locale, { timeZone: 'Pacific/Midway', ...options });
        };
    });
    await session(west, 'hook');
    await west.waitForSelector('.hook');
    await go(west, `/webhooks/${good.id}?range=30d`);
    await west.click('.figures summary >> nth=0');
    is(await west.innerText('.figures >> nth=0 >> tbody th'), `${new Intl.DateTimeFormat('en-GB',
        { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(new Date(today.start))} (UTC)`, '30 d: days of UTC');
    is(west.bad.splice(0).join(), '', '... without an error');
    await west.close();

    // tests

    await page.click('text=Send test event');
    await page.waitForSelector('.test-row.good');
    const said = await page.innerText('.test');

    ok(/Delivered in/.test(said) && /status 200/.test(said) && /thanks/.test(said), 'a test, with its outcome', said);
    await audit(page, 'a test');
    await page.click('.test [aria-label="Close"]');
    ok(await page.isHidden('.test'), 'closed');
    await page.click('text=Send test event');
    await page.waitForSelector('.test-row.good');
    await page.click('.test >> text=Details');
    await page.waitForSelector('h1:has-text("test.webhook-event")');
    ok(/"company": "Hook"/.test(await page.innerText('pre.code')), 'and its event');

    await go(page, `/webhooks/${slow.id}`);
    ok(await page.isVisible('text=Nothing was sent in this time'), 'empty charts say so');
    await page.click('text=Send test event');
    await page.waitForSelector('.test progress');
    is(await page.getAttribute('button:has-text("Send test event")', 'aria-busy'), 'true', 'a slow one shows that it works');
    await page.waitForSelector('.test-row.good');
    ok(/1\.\d+ s/.test(await page.innerText('.test')), 'how long it took');

    await go(page, `/webhooks/${bad.id}`);
    await page.waitForSelector('.notice.bad');
    await page.waitForSelector('text=answered 500');
    ok(/Failing since .*Next try in/s.test(await page.innerText('.notice.bad')), 'why it fails, since when, and when next');
    await page.click('text=Send test event');
    await page.waitForSelector('.test-row.bad');
    ok(/The endpoint answered 500/.test(await page.innerText('.test')), 'a test that fails, in words');
    await audit(page, 'a webhook that fails');
    await page.click('text=See the last attempt');
    await page.waitForSelector('.attempt');
    ok(/#1/.test(await page.innerText('.attempt')), 'its last attempt');

    // as it is now, without a click

    await go(page, `/webhooks/${bad.id}`);
    await page.waitForSelector('.head .badge.bad');
    await page.waitForSelector('.notice.bad');
    await api('PATCH', `/companies/hook/webhooks/${bad.id}`, { url: `${env.RECEIVER}/ok` });
    await api('POST', `/companies/hook/webhook-events/${(await api('GET', `/companies/hook/webhook-events?webhook=${bad.id}`)).data
        .find((e) => e.status !== 'delivered').id}/retry`);
    await page.waitForSelector('.head .badge.good', { timeout: 20000 });
    is(await page.locator('.notice.bad').count(), 0, 'one that works again says so by itself');

    // more names than are shown at once

    const many = await make('/ok', ['n.*'], { description: 'Many' });

    for (let i = 1; i <= 12; i++) {
        await ingest('hook', `n.${i}`, 1);
    }
    await waitFor('the deliveries', async () =>
        (await api('GET', `/companies/hook/webhook-events?webhook=${many.id}&status=delivered`)).data.length === 12);
    await go(page, `/webhooks/${many.id}?range=1h`);
    await waitFor('all names', async () => /4 more/.test(await page.innerText('.ranks >> nth=1')));
    is(await page.locator('.ranks >> nth=1 >> li >> visible=true').count(), 8, 'eight names');
    await page.click('.rest summary');
    is(await page.locator('.ranks >> nth=1 >> li >> visible=true').count(), 12, '... then all');
    await audit(page, 'many names');

    // one that was disabled by its endpoint

    await go(page, `/webhooks/${gone.id}`);
    ok(/410 Gone/.test(await page.innerText('.notice.warn')), 'disabled, and why');
    await page.click('.notice >> text=Enable');
    await waitFor('it', async () => (await api('GET', `/companies/hook/webhooks/${gone.id}`)).enabled);
    await page.waitForFunction(() => !document.querySelector('.notice.warn'));
    ok(true, 'and enabled again');

    page.expected = [404];
    await page.evaluate(() => { location.hash = '/webhooks/wh_1'; });
    await page.waitForSelector('h1:has-text("Not found")');
    ok(await page.isVisible('text=This webhook does not exist'), 'a webhook that is none');
    await audit(page, 'not found');
}
