// Replays: of what was selected, of what a filter matches, counted before.

import { api, env, go, ingest, is, ok, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

export async function run(page) {
    await api('POST', '/companies', { uid: 'again', name: 'Again', enabled: true });
    const w = await api('POST', '/companies/again/webhooks', { url: `${env.RECEIVER}/status/500`, events: ['x'],
        description: 'Mended', retry_delays: [] });
    const events = (query) => api('GET', `/companies/again/webhook-events?limit=250&${query}`).then((p) => p.data);

    for (let i = 0; i < 12; i++) {
        await ingest('again', 'x', i);
    }
    await ingest('again', 'y', 1);
    await waitFor('three to fail', async () => (await events('status=failed')).length >= 3);
    await api('PATCH', `/companies/again/webhooks/${w.id}`, { url: `${env.RECEIVER}/ok/mended` });
    await waitFor('all to end', async () => (await events('status=pending')).length === 0, 30);
    const failed = (await events('status=failed')).length;

    await session(page, 'again');
    await page.waitForSelector('.hook');
    await go(page, '/replays');
    ok(await page.isVisible('text=No replay yet'), 'no replay: what they are for');
    await audit(page, 'no replay');

    // what was selected

    await go(page, '/events?status=failed');
    await page.check('[aria-label="Select all events that are listed"]');
    ok(new RegExp(`${failed} selected`).test(await page.innerText('.selection')), 'all are selected');
    await page.uncheck('[aria-label="Select all events that are listed"]');
    if (await page.locator('.run .fold').count()) {
        await page.click('.run .fold');
    }
    await page.check('.event-row:not(.run) input >> nth=0');
    await page.check('.event-row:not(.run) input >> nth=1');
    await page.click('text=Replay selected');
    await page.waitForSelector('dialog');
    ok(/2 deliveries will be sent again/.test(await page.innerText('dialog')), 'how many, before it happens');
    await audit(page, 'replay of what is selected');
    await page.click('dialog >> text=Cancel');
    is((await events('status=failed')).length, failed, 'nothing is sent by then');
    await page.click('text=Replay selected');
    await page.click('dialog button:has-text("Replay 2")');
    await page.waitForSelector('dialog >> text=2 deliveries are being sent');
    await page.click('dialog >> text=Done');
    await waitFor('two to be delivered', async () => (await events('status=failed')).length === failed - 2);
    ok(true, 'two are sent again');

    // what a filter matches

    await go(page, '/events?event=x');
    await page.click('button:has-text("Replay …")');
    await page.waitForSelector(`dialog >> text=${failed - 2} ${failed === 3 ? 'delivery' : 'deliveries'}`);
    ok(/named x/.test(await page.innerText('dialog')), 'the filter of the list');
    ok(await page.isChecked('dialog .choose input'), 'the only webhook is chosen');
    await audit(page, 'replay');
    await page.selectOption('dialog select', 'cancelled');
    await page.waitForSelector('dialog >> text=Nothing matches');
    await page.selectOption('dialog select', '');
    await page.waitForSelector('dialog >> text=12 deliveries');
    await page.check('dialog input[value=messages]');
    await page.waitForFunction(() => !/Counting/.test(document.querySelector('.sum').textContent));
    ok(/12 deliveries/.test(await page.innerText('.sum')), 'counted anew with each change');
    await page.uncheck('dialog .choose input');
    await page.waitForSelector('dialog >> text=Choose a webhook');
    await page.check('dialog .choose input');
    await page.check('dialog input[value=webhook_events]');
    await page.selectOption('dialog select', 'failed');
    await page.click(`dialog button:has-text("Replay ${failed - 2}")`);
    await page.waitForSelector('dialog >> text=Done:');
    ok(true, 'and sent, with its progress');
    await audit(page, 'a replay that is done');
    await page.click('dialog >> text=All replays');
    await page.waitForSelector('h1:has-text("Replays")');
    ok(/Mended.*Failed events.*Done/s.test(await page.innerText('.replay')), 'in the list of replays');
    await waitFor('all to be delivered', async () => (await events('status=delivered')).length === 12);
    ok(true, 'all are delivered');
    await audit(page, 'replays');

    // events that it never got; cancelled on the way

    await api('PATCH', `/companies/again/webhooks/${w.id}`, { events: ['x', 'y'], rate_limit: '1/h' });
    const lines = Array.from({ length: 600 }, (_, i) => JSON.stringify({ company: 'again', event: 'z', payload: i })).join('\n');
    await (await fetch(env.EVENTS, { method: 'POST', body: lines,
        headers: { Authorization: `Bearer ${env.KEY}`, 'Content-Type': 'application/x-ndjson' } })).text();
    await api('PATCH', `/companies/again/webhooks/${w.id}`, { events: ['y', 'z'] });
    await page.click('text=New replay');
    await page.check('dialog input[value=messages]');
    await page.waitForSelector('dialog >> text=601 deliveries');
    await page.click('dialog button:has-text("Replay 601")');
    await waitFor('it to run', async () => /\d+ of 601/.test(await page.innerText('dialog .running')));
    await page.click('dialog .running >> text=Cancel');
    await page.waitForSelector('dialog >> text=Cancelled after');
    await page.click('dialog >> text=Done');
    await page.waitForSelector('.replay >> nth=1');
    ok(/Cancelled.*somebody cancelled it/s.test(await page.innerText('.replay >> nth=0')), 'one that was cancelled');

    // nothing to send it to

    await api('PATCH', `/companies/again/webhooks/${w.id}`, { enabled: false });
    await go(page, '/events?event=x');
    await page.click('button:has-text("Replay …")');
    await page.waitForSelector('dialog >> text=no webhook that is enabled');
    await page.keyboard.press('Escape');
    await page.check('.event-row input >> nth=0');
    await page.check('[aria-label="Select all events that are listed"]');
    await page.click('text=Replay selected');
    await page.waitForSelector('dialog >> text=cannot be replayed');
    ok(await page.isVisible('dialog >> text=Nothing to send'), 'a disabled webhook gets none');
    await page.keyboard.press('Escape');

    // what it takes is what the list shows, or that is said

    const other = await api('POST', '/companies/again/webhooks', { url: `${env.RECEIVER}/ok/other`, events: ['z'],
        description: 'Other' });

    await go(page, `/events?webhook=${w.id}`);
    await page.click('button:has-text("Replay …")');
    await page.waitForSelector('dialog >> text=Mended is disabled');
    ok(!await page.isChecked('dialog .choose input'), 'a disabled webhook of the filter: no other in its place');
    await page.check('dialog .choose input');
    await page.waitForSelector('dialog >> text=Nothing matches');
    ok(true, '... but another can be chosen');
    await audit(page, 'replay for a disabled webhook');
    await page.keyboard.press('Escape');
    await go(page, `/events?q=${(await events('event=x'))[0].message_id}`);
    await page.click('button:has-text("Replay …")');
    await page.waitForSelector('dialog >> text=no search for text or an id');
    ok(true, 'a search for an id is no filter of a replay');
    await page.keyboard.press('Escape');

    // stopped, and closed, on the way

    await api('PATCH', `/companies/again/webhooks/${w.id}`, { enabled: true, rate_limit: null });
    page.expected = [409];
    let asked = 0, answered = 0, gates = [];

    await page.route('**/retry', async (r) => {
        asked++;
        await new Promise((open) => { gates.push(open); });
        await r.continue();
    });
    page.on('response', (r) => { answered += r.url().endsWith('/retry'); });

    for (const [end, name] of [['Stop', 'stopped'], ['Escape', 'closed']]) {
        await go(page, '/events?event=x');
        await page.waitForSelector('.event-row');
        await page.check('[aria-label="Select all events that are listed"]');
        await page.click('text=Replay selected');
        await page.check('dialog input[value=all]');
        await page.click('dialog button:has-text("Replay 12")');
        await waitFor('four to be asked for', () => gates.length === 4);
        if (end === 'Stop') {
            await page.click('dialog >> text=Stop');
        } else {
            await page.keyboard.press('Escape');
            await page.waitForFunction(() => !document.querySelector('dialog'));
        }
        gates.splice(0).forEach((open) => open());
        if (end === 'Stop') {
            await page.waitForSelector('dialog >> text=8 were left out');
            ok(/^4 deliveries are being sent|could not be/.test(await page.innerText('dialog [role=status]')), 'how many it was');
            await page.click('dialog >> text=Done');
        }
        const four = asked;

        await waitFor('the answers', () => answered === four);
        await page.evaluate(() => new Promise((r) => { requestAnimationFrame(() => requestAnimationFrame(r)); }));
        is(asked, four, `${name} on the way: no more of them`);
    }
    await page.unroute('**/retry');

    // one that cannot begin

    await page.route('**/replays', (r) => {
        const body = r.request().postDataJSON?.();

        return body && !body.dry_run && body.webhook_id === other.id
            ? r.fulfill({ status: 409, contentType: 'application/problem+json', body: '{"status":409,"code":"replay_limit"}' })
            : r.continue();
    });
    await go(page, '/events?event=z');
    await page.click('button:has-text("Replay …")');
    await page.check('dialog input[value=messages]');
    await page.check('dialog .choose input >> nth=0');
    await page.check('dialog .choose input >> nth=1');
    await page.waitForSelector('dialog >> text=1,200 deliveries');
    await page.click('dialog button:has-text("Replay 1,200")');
    await page.waitForSelector('dialog .running');
    ok(/Nothing is sent to:\s*Other: Ten replays run already/.test(await page.innerText('dialog')),
       'one that cannot begin is said, and holds up no other', await page.innerText('dialog'));
    is(await page.locator('dialog .running').count(), 1, '... which runs');
    await page.unroute('**/replays');
    await page.click('dialog >> text=Done');

    // what a replay has sent to a webhook that never had it

    const late = await api('POST', '/companies/again/replays', { webhook_id: w.id, source: 'messages', filter: { event: 'y' } });

    await waitFor('its end', async () => (await api('GET', `/companies/again/replays/${late.id}`)).status === 'done', 30);
    await go(page, '/events?event=y');
    await page.waitForSelector('.event-row');
    ok(!/no webhook wanted it/.test(await page.innerText('.event-row')), 'a webhook got it by a replay: it is not said that none did');
    await page.click('.event-row .fold');
    await page.waitForSelector('.target:has-text("Mended")');
    await page.waitForSelector('.event-row .pill:has-text("Mended")');
    ok(true, '... and which one when it is opened');
}
