// A webhook's secret, its settings, its end.

import { api, env, go, is, ok, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

export async function run(page) {
    await api('POST', '/companies', { uid: 'sets', name: 'Sets', enabled: true });
    const w = await api('POST', '/companies/sets/webhooks', { url: `${env.RECEIVER}/ok`, events: ['a.*', 'b'],
        description: 'Box', headers: { 'X-One': '1', 'X-Two': '2' }, concurrency: 7 });
    const path = `/companies/sets/webhooks/${w.id}`;
    const now = () => api('GET', path);
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());

    const asked = [];

    page.on('request', (r) => /\/secret$/.test(new URL(r.url()).pathname) && asked.push(r.url()));
    await session(page, 'sets');
    await page.waitForSelector('.hook');
    await go(page, `/webhooks/${w.id}/settings`);

    // the secret

    ok(!(await page.textContent('main')).includes(w.secret), 'the secret is hidden');
    await audit(page, 'settings');
    is(asked.length, 0, 'and not asked for before somebody wants it');
    await page.click('.secret-row >> text=Copy');
    await waitFor('the copy', async () => await clipboard() === w.secret);
    ok(!(await page.textContent('main')).includes(w.secret), 'copied, and still hidden');
    await page.click('.secret-row >> text=Show');
    await waitFor('it', async () => await page.textContent('.secret') === w.secret);
    ok(true, 'shown');
    await page.click('.secret-row >> text=Hide');
    await waitFor('it', async () => await page.textContent('.secret') !== w.secret);
    ok(!(await page.content()).includes(w.secret), 'hidden: it is nowhere in the page');
    is(asked.length, 2, 'asked for once to copy, once to show');
    await page.click('.secret-row >> text=Show');
    await waitFor('it', async () => await page.textContent('.secret') === w.secret);
    is(asked.length, 3, '... and anew when it is shown again');
    await page.click('.secret-row >> text=Hide');

    await page.click('text=Refresh');
    await page.waitForSelector('dialog');
    await audit(page, 'refresh');
    await page.click('dialog >> text=Cancel');
    is((await api('GET', `${path}/secret`)).secret, w.secret, 'Refresh asks first');
    is(await page.locator('dialog .notice').count(), 0, '... and warns of nothing');
    await page.click('text=Refresh');
    await page.selectOption('dialog select', '1h');
    await page.click('dialog button.danger');
    await page.waitForSelector('text=has a new secret');
    const next = await api('GET', `${path}/secret`);

    ok(next.secret !== w.secret && next.previous_until, 'a new secret, with a grace time');
    is(await page.textContent('.secret'), next.secret, '... shown');
    ok(/The old secret signs too, for 59 min|for 1 h/.test(await page.innerText('.notice.warn')), '... with how long the old one signs');
    await page.click('text=Refresh');
    await page.waitForSelector('dialog .notice:has-text("It ends now")');
    ok(true, 'while one is good still, the next one warns');
    await page.selectOption('dialog select', '');
    await page.click('dialog button.danger');
    await waitFor('no grace', async () => !(await api('GET', `${path}/secret`)).previous_until);
    await waitFor('it to be said', async () => await page.locator('.notice.warn').count() === 0);
    ok(true, 'and one without');

    // details, and a change

    await page.click('.copyable [aria-label="Copy id"]');
    await waitFor('the copy', async () => await clipboard() === w.id);
    ok(/X-One/.test(await page.innerText('.pairs-list')), 'its headers by their names');
    await page.click('.card >> text=Edit');
    await page.waitForSelector('h1:has-text("Edit webhook")');
    await audit(page, 'edit');
    await page.fill('[data-pointer="/description"] input', 'Crate');
    await page.check('[data-name="*"]');
    await page.click('text=Delivery options');
    await page.click('[aria-label="Remove header X-Two"]');
    await page.fill('[data-pointer="/concurrency"] input', '');
    await page.fill('[data-pointer="/retry_delays"] input', 'none');
    await page.click('text=Save');
    await page.waitForSelector('h1:has-text("Crate")');
    ok(await page.evaluate(() => {
        const box = document.querySelector('.toast').getBoundingClientRect();
        return !document.elementFromPoint(box.left + box.width / 3, box.top + box.height / 2).closest('.toast');
    }), 'what is said at the edge is in nobody’s way');
    const changed = await now();

    is([changed.description, changed.events.sort().join(), Object.keys(changed.headers).join(), changed.concurrency,
        changed.retry_delays.length, changed.url].join('|'), `Crate|*,a.*,b|X-One||0|${w.url}`, 'changed as it was said');

    // what somebody else changes meanwhile stays, and what cannot be sent is told

    const edit = async () => {
        await go(page, `/webhooks/${w.id}/edit`);
        await page.click('text=Delivery options');
    };
    const header = (n, part) => `.pair >> nth=${n} >> input >> nth=${part}`;
    const error = (field) => page.innerText(`[data-pointer="${field}"] .error`);

    await edit();
    await api('PATCH', path, { url: `${w.url}/moved`, rate_limit: '5/s', concurrency: 7 });
    await page.fill('[data-pointer="/description"] input', 'Barrel');
    await page.click('text=Save');
    await page.waitForSelector('h1:has-text("Barrel")');
    const both = await now();

    is([both.description, both.url, both.rate_limit, both.concurrency].join('|'), `Barrel|${w.url}/moved|5/s|7`,
       'only what was changed is sent');

    await edit();
    await page.click('[data-pointer="/concurrency"] input');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('1-5e');
    await page.click('text=Save');
    await waitFor('the error', async () => /Type a number/.test(await error('/concurrency')));
    is((await now()).concurrency, 7, 'what is no number is not taken for none');
    await page.fill('[data-pointer="/concurrency"] input', '7');
    await page.click('text=Add a header');
    await page.fill(header(1, 1), 'a value');
    await page.click('text=Save');
    await waitFor('the error', async () => /name/.test(await error('/headers')));
    ok(true, 'a header without a name is told');
    await page.fill(header(1, 0), 'x-one');
    await page.click('text=Save');
    await waitFor('the error', async () => /twice/.test(await error('/headers')));
    ok(true, '... and one that is there twice');
    await page.click('[aria-label="Remove header X-One"]');
    await page.click('text=Save');
    await page.waitForSelector('h1:has-text("Barrel")');
    await waitFor('the header', async () => Object.keys((await now()).headers).join() === 'x-one');
    ok(true, 'removed and added in another case, it is there');
    is([(await now()).url, (await now()).concurrency].join(), `${w.url}/moved,7`, '... and the rest as it was');

    // no retries, which is not the default, is shown, and taken back

    await edit();
    is(await page.inputValue('[data-pointer="/retry_delays"] input'), 'none', 'no retries are shown as none');
    await page.fill('[data-pointer="/retry_delays"] input', '');
    await page.click('text=Save');
    await page.waitForSelector('h1:has-text("Barrel")');
    await waitFor('it', async () => (await now()).retry_delays === null);
    ok(true, '... and the default can be chosen again');

    // disabled, enabled, deleted

    await go(page, `/webhooks/${w.id}/settings`);
    await page.click('.stop button:has-text("Disable")');
    await page.waitForSelector('dialog');
    await audit(page, 'disable');
    await page.click('dialog button.primary');
    await waitFor('it', async () => !(await now()).enabled);
    await page.waitForSelector('.stop button:has-text("Enable")');
    await audit(page, 'a disabled webhook');
    await page.click('.stop button:has-text("Enable")');
    await waitFor('it', async () => (await now()).enabled);
    await page.waitForSelector('.stop button:has-text("Disable")');
    ok(true, 'disabled and enabled');

    await page.click('.stop button:has-text("Delete")');
    await page.waitForSelector('dialog');
    await page.keyboard.press('Escape');
    ok(await now(), 'Escape deletes nothing');
    await page.click('.stop button:has-text("Delete")');
    await page.click('dialog button.danger');
    await page.waitForSelector('text=Add your first webhook');
    is((await api('GET', '/companies/sets/webhooks')).data.length, 0, 'deleted');
}
