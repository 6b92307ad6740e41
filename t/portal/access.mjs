// A company without access asks for it, an operator enables it; sessions end.

import { api, go, is, ok, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

export async function run(page) {
    await api('POST', '/companies', { uid: 'fresh', name: 'Fresh Ltd' });

    const s = await session(page, 'fresh');

    await page.waitForSelector('h1');
    is(await page.textContent('h1'), 'Events, sent to your systems', 'without access: what webhooks are');
    is(await page.evaluate(() => location.hash), '#/', 'the token has left the address');
    ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes('whp_'), 'and is kept in no lasting place');
    is(await page.getAttribute('text=Contact support', 'href'), 'https://support.example.com/', 'whom to ask');
    is(await page.locator('.main-nav').count(), 0, 'nothing to go to yet');
    await audit(page, 'access');

    await page.fill('textarea', 'For our <b>SIEM</b>');
    await page.click('text=Request access');
    await page.waitForSelector('text=Access is requested');
    is(await page.evaluate(() => document.activeElement.textContent), 'Access is requested', 'the focus is where one goes on');
    const [request] = (await api('GET', '/companies/fresh/access-requests')).data;

    is(request.message, 'For our <b>SIEM</b>', 'the operator has the message');
    await page.reload();
    await page.waitForSelector('text=Access is requested');
    ok((await page.textContent('blockquote')).includes('<b>SIEM</b>'), 'it is still asked for');
    await audit(page, 'access, asked');

    await api('PATCH', '/companies/fresh', { enabled: true });
    await page.waitForSelector('text=Add your first webhook', { timeout: 20000 });
    ok(true, 'the page opens by itself when access is granted');
    await audit(page, 'no webhook');

    page.expected = [403];
    await go(page, '/webhooks/new');
    await page.fill('input[type=url]', 'https://hooks.example.com/');
    await page.check('[data-name="*"]');
    await api('PATCH', '/companies/fresh', { enabled: false });
    await page.click('button:has-text("Add webhook")');
    await page.waitForSelector('text=Webhooks are not enabled for you yet');
    ok(true, 'access that was taken away meanwhile can be asked for again');
    await api('PATCH', '/companies/fresh', { enabled: true });
    await page.waitForSelector('h1:has-text("Add webhook")', { timeout: 20000 });
    ok(true, '... and is there again when it is granted');

    page.expected = [401];
    await api('DELETE', `/keys/${s.id}`);
    await page.evaluate(() => { location.hash = '/events'; });
    await page.waitForSelector('text=Your session has ended');
    ok(true, 'a session that has ended says so');
    is(await page.evaluate(() => sessionStorage.length), 0, 'and leaves nothing');
    await audit(page, 'sign in');

    // with keys, typed in

    await page.fill('input[type=password]', 'whk_' + '0'.repeat(64));
    await page.click('button[type=submit]');
    await waitFor('the error', async () => (await page.textContent('.field .error')).includes('not known'));
    ok(true, 'a key that is none');

    const { key } = await api('POST', '/keys', { name: 'own', role: 'company', company: 'fresh' });

    page.expected = [403, 404];
    await page.fill('input[type=password]', key);
    await page.click('button[type=submit]');
    await page.waitForSelector('text=say which company');
    ok(true, 'a key of a company asks which');
    await page.fill('input[type=text]', 'other');
    await page.click('button[type=submit]');
    await page.waitForSelector('text=There is no such company');
    await page.fill('input[type=text]', 'fresh');
    await page.click('button[type=submit]');
    await page.waitForSelector('text=Add your first webhook');
    is(await page.textContent('.company'), 'Fresh Ltd', 'and opens its portal');
    is(await page.locator('.operator').count(), 0, 'which is not the operator’s');
    page.expected = [];

    await page.evaluate(() => { location.hash = "/no/such/page/here"; });
    await page.waitForSelector("text=There is no such page");
    ok(await page.isVisible('text=There is no such page'), 'a page that is none');
    await page.click('[aria-label="Sign out"]');
    await page.waitForSelector('h1:has-text("Sign in")');
    is(await page.evaluate(() => sessionStorage.length), 0, 'signed out');
}
