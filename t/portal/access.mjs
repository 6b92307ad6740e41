// A company without access asks for it, an operator enables it; sessions end.

import { api, env, go, is, ok, open, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

/* What was typed into a form when the session ends. */

async function interrupted(page, s) {
    const typed = () => page.inputValue('input[type=url]');
    const add = () => page.click('button:has-text("Add webhook")');

    page.expected = [401];
    await go(page, '/webhooks/new');
    await page.fill('input[type=url]', 'https://hooks.example.com/typed');
    await page.check('[data-name="*"]');
    await api('DELETE', `/keys/${s.id}`);
    await add();
    await page.waitForSelector('text=goes on with what you typed');
    is(await page.locator('input[type=url]').count(), 0, 'a form is not seen without a session');

    // another company's is not good for it

    await api('POST', '/companies', { uid: 'foreign', name: 'Foreign', enabled: true });

    const tab = await open(page.context());
    const started = async (company) => {
        const made = await session(tab, company);
        await tab.waitForSelector('text=Add your first webhook');
        return made;
    };

    await started('foreign');
    is(await page.textContent('h1'), 'Your session has ended', 'another company’s session in another tab changes nothing');

    // nor is a link that is no good

    tab.expected = [401];
    await tab.goto('about:blank');
    await tab.goto(`${env.PORTAL}#token=whp_${'0'.repeat(43)}&company=fresh`);
    await tab.waitForSelector('text=Your session has ended');
    tab.expected = [];
    page.expected = [401, 401];

    const refused = page.waitForResponse((r) => r.status() === 401);

    await page.evaluate((url) => { location.href = url; }, `${env.PORTAL}#token=whp_${'1'.repeat(43)}&company=fresh`);
    await refused;
    await page.waitForSelector('text=goes on with what you typed');
    is(await page.textContent('h1'), 'Your session has ended', 'a link that is no good changes nothing');

    // a key that is typed in is for its tab alone, also after such a link

    const own = await api('POST', '/keys', { name: 'typed', role: 'company', company: 'fresh' });

    tab.expected = [403];
    await tab.fill('input[type=password]', own.key);
    await tab.fill('input[type=text]', 'fresh');
    await tab.click('button[type=submit]');
    await tab.waitForSelector('text=Add your first webhook');
    tab.expected = [];
    is(await page.textContent('h1'), 'Your session has ended', 'a key that is typed in stays in its tab');

    const second = await started('fresh');

    await page.waitForSelector('h1:has-text("Add webhook")');
    is(await typed(), 'https://hooks.example.com/typed', 'one of the same company goes on with what was typed');
    is(await page.evaluate(() => location.hash), '#/webhooks/new', '... where it was');
    is(await page.evaluate(() => document.activeElement.type), 'url', '... with the focus in it');

    // the link in this tab

    await api('DELETE', `/keys/${second.id}`);
    await add();
    await page.waitForSelector('text=goes on with what you typed');

    const third = await api('POST', '/companies/fresh/portal-sessions', {});

    await page.evaluate((url) => { location.href = url; }, `${env.PORTAL}#token=${third.token}&company=fresh`);
    await page.waitForSelector('h1:has-text("Add webhook")');
    is(await typed(), 'https://hooks.example.com/typed', 'so does a link in this tab');

    // where it is no form, the same screen

    await go(page, '/webhooks?range=7d');
    await api('DELETE', `/keys/${third.id}`);
    await go(page, '/replays');
    await page.waitForSelector('text=Your session has ended');
    ok(!(await page.innerText('main')).includes('what you typed'), 'nothing is said of a form where there is none');

    const last = await started('fresh');

    await page.waitForSelector('h1:has-text("Replays")');
    ok(true, 'without a form the screen is there again that was asked for');
    is(tab.bad.join('\n'), '', 'nothing bad in the other tab');
    await tab.close();

    await go(page, '/webhooks/new');
    is(await typed(), '', 'a new form is empty');

    return last;
}


export async function run(page) {
    await api('POST', '/companies', { uid: 'fresh', name: 'Fresh Ltd' });

    let s = await session(page, 'fresh');

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
    await page.click('text=Change the message');
    is(await page.inputValue('textarea'), 'For our <b>SIEM</b>', 'what was said can be changed');
    await page.fill('textarea', 'For our <b>SIEM</b>, please');
    await page.click('button:has-text("Send")');
    await page.waitForSelector('blockquote:has-text("please")');
    is((await api('GET', '/companies/fresh/access-requests')).data.map((r) => r.message).join('|'), 'For our <b>SIEM</b>, please',
       '... by the same request');
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

    s = await interrupted(page, s);
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
    await page.waitForSelector('h1:has-text("Events")');
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
