// One event: payload, attempts, its requests and responses, curl, retry, cancel.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { api, env, go, ingest, is, ok, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

const received = (uri) => readFileSync(env.RECEIVED, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l))
    .filter((r) => r.uri === uri);

const PAYLOAD = '{"big":12345678901234567890, "n":1.50,"text":"it\'s \\u00e9 <b> $HOME `id` \\\\", "list":[ ],"deep":{"a":[1,{"b":null}]}}';

export async function run(page) {
    await api('POST', '/companies', { uid: 'one', name: 'One', enabled: true });
    const w = await api('POST', '/companies/one/webhooks', { url: `${env.RECEIVER}/fail/1/one`, events: ['a'],
        description: 'First', retry_delays: ['1h'], headers: { 'X-Own': 'v' } });
    const slow = await api('POST', '/companies/one/webhooks', { url: `${env.RECEIVER}/slow/900`, events: ['a'], description: 'Slow' });
    const hang = await api('POST', '/companies/one/webhooks', { url: `${env.RECEIVER}/close`, events: ['a'],
        description: 'Closes', retry_delays: ['1h'] });
    const id = await ingest('one', 'a', PAYLOAD);
    const of = async (x) => (await api('GET', `/companies/one/webhook-events?webhook=${x.id}`)).data[0];
    const whole = async (x) => api('GET', `/companies/one/webhook-events/${(await of(x)).id}`);

    await waitFor('the attempts', async () => (await of(slow)).status === 'delivered'
        && (await whole(w)).attempts.length === 1 && (await whole(hang)).attempts.length === 1);

    await session(page, 'one');
    await page.waitForSelector('.hook');
    await go(page, `/events/${id}`);

    // the payload, to the byte

    const pretty = await page.textContent('pre.code >> nth=0');

    ok(pretty.includes('"big": 12345678901234567890') && pretty.includes('"n": 1.50') && pretty.includes('"list": []')
       && pretty.includes('\\u00e9') && pretty.includes('\n    "a": [\n      1,'), 'pretty, and every digit there', pretty);
    await page.check('.segmented input[value=raw]');
    is(await page.textContent('pre.code >> nth=0'), PAYLOAD, 'raw');
    await page.click('[aria-label="Copy payload"]');
    await waitFor('the copy', async () => await page.evaluate(() => navigator.clipboard.readText()) === PAYLOAD);
    ok(true, 'copied as it is');

    // its webhooks: what needs attention first

    is(await page.$$eval('.target-box h2', (l) => l.map((x) => x.textContent).slice(-1).join()), 'Slow', 'trouble comes first');
    const first = page.locator('.target-box', { hasText: 'First' });

    await first.locator('.attempt[open]').waitFor();
    const text = await first.innerText();

    ok(/The endpoint answered 500/.test(text) && /next try in (1 h|59 min)/.test(text), 'an attempt that failed, in words', text);
    ok(/X-Signature/.test(text) && /X-Own\s*\*+/.test(text) && /"big": 12345678901234567890/.test(text), 'its request');
    ok(/HTTP\/1.1 500/.test(text) && /seen 0/.test(text), 'its response');
    ok(/wait/.test(await first.locator('.timing svg').getAttribute('aria-label')), 'where its time went');
    ok(/connection was closed without an answer|connection broke/.test(
        await page.locator('.target-box', { hasText: 'Closes' }).innerText()), 'one without an answer');
    await audit(page, 'event');

    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());

    await first.locator('[aria-label="Copy request body"]').click();
    await waitFor('the copy', async () => await clipboard() === received('/fail/1/one')[0].body);
    ok(true, 'the body of the request, as it was sent');
    await first.locator('[aria-label="Copy response body"]').click();
    await waitFor('the copy', async () => await clipboard() === (await whole(w)).attempts[0].response.body);
    ok(true, '... and of the response, as it came');

    // as curl: the same request, to the byte

    await first.locator('text=Copy as curl').click();
    const command = await waitFor('the copy', async () => {
        const c = await page.evaluate(() => navigator.clipboard.readText());
        return c.startsWith('curl') && c;
    });
    const [was] = received('/fail/1/one');

    execFileSync('sh', ['-c', command.replace('curl -i', 'curl -sS -o /dev/null')]);
    const again = received('/fail/1/one').pop();

    is(again.body, was.body, 'curl sends the same body');
    is(again.headers['x-signature'], was.headers['x-signature'], '... and signature');

    // retry now

    await first.locator('text=Retry now').click();
    await first.locator('.attempt >> nth=1').waitFor();
    await first.locator('.badge.delivered >> nth=0').waitFor();
    is((await whole(w)).status, 'delivered', 'Retry now delivers it');
    ok(/#2[\s\S]*#1/.test(await first.innerText()), 'the new attempt is there, first');

    // a retry that takes long

    const lags = page.locator('.target-box', { hasText: 'Slow' });

    await api('PATCH', `/companies/one/webhooks/${slow.id}`, { url: `${env.RECEIVER}/slow/2500` });
    await lags.locator('summary').first().waitFor();
    if (!await lags.locator('button:has-text("Retry now")').isVisible()) {
        await lags.locator('summary').first().click();
    }
    await lags.locator('button:has-text("Retry now")').click();
    await lags.locator('progress').waitFor();
    await page.evaluate(() => { const real = Date.now; Date.now = () => real() + 50000; });
    await lags.locator('text=No attempt was recorded yet').waitFor();
    ok(/It is being sent/.test(await lags.innerText()), 'it says what is the matter', await lags.innerText());
    is(await lags.locator('button:has-text("Retry now")').getAttribute('aria-busy'), null, '... and one can go on');
    await audit(page, 'a retry that takes long');
    await lags.locator('.attempt >> nth=1').waitFor();
    await lags.locator('text=No attempt was recorded yet').waitFor({ state: 'detached' });
    ok(true, 'what came of it is shown all the same');
    await lags.locator('button:has-text("Retry now")').click();
    await lags.locator('progress').waitFor();
    await page.evaluate(() => { const real = Date.now; Date.now = () => real() + 50000; });
    await lags.locator('text=Stop waiting').click();
    is(await lags.locator('text=No attempt was recorded yet').count(), 0, 'and the wait can be left');

    // cancel

    const closes = page.locator('.target-box', { hasText: 'Closes' });

    await closes.locator('text=Cancel').click();
    await closes.locator('text=somebody cancelled it').waitFor();
    is((await whole(hang)).status, 'cancelled', 'Cancel');
    ok(await closes.locator('button:has-text("Cancel")').isHidden(), '... once');

    // a webhook event of it

    await go(page, `/events/${id}/${(await of(slow)).id}`);
    is(await page.$$eval('.target-box[open] h2', (l) => l.map((x) => x.textContent).join()), 'Slow', 'the one of the address is open');

    // changes are seen as they happen

    await go(page, `/events/${id}`);
    await page.locator('.target-box', { hasText: 'Closes' }).locator('.attempt').waitFor();
    await api('PATCH', `/companies/one/webhooks/${hang.id}`, { url: `${env.RECEIVER}/ok` });
    await api('POST', `/companies/one/webhook-events/${(await of(hang)).id}/retry`);
    await page.locator('.target-box', { hasText: 'Closes' }).locator('summary .badge.delivered').first().waitFor();
    ok(true, 'what changes is shown');

    // a large payload, one that is erased, one that is none

    const large = await ingest('one', 'big', `{"list":[${Array.from({ length: 30000 }, (_, i) => i).join()}]}`);
    await go(page, `/events/${large}`);
    ok(/copy it to see all/.test(await page.textContent('pre.code')), 'a large payload is cut');
    ok(await page.isVisible('text=No webhook wanted it'), 'an event that nobody wanted');
    await audit(page, 'an event that nobody wanted');

    await api('DELETE', `/companies/one/messages/${large}`);
    page.expected = [404];
    await page.evaluate((x) => { location.hash = `/events/${x}?`; }, large);
    await page.waitForSelector('h1:has-text("Not found")');
    ok(true, 'one that was erased');
}
