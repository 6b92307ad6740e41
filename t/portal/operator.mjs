// The operator: requests for access, companies, links to portals.

import { api, env, is, ok, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

export async function run(page) {
    await api('POST', '/companies', { uid: 'asks', name: 'Asks <i>Inc</i>' });
    await api('POST', '/companies/asks/access-requests', { message: 'please\nsoon' });

    await page.goto(env.PORTAL);
    await page.waitForSelector('h1:has-text("Sign in")');
    await page.fill('input[type=password]', env.KEY);
    await page.click('button[type=submit]');
    await page.waitForSelector('h1:has-text("Access requests")');

    const row = page.locator('li.request', { hasText: 'Asks <i>Inc</i>' });

    await row.waitFor();
    ok((await row.textContent()).includes('please'), 'who asks, and why');
    await audit(page, 'access requests');
    await row.locator('text=Enable').click();
    await page.waitForSelector('text=has access now');
    is((await api('GET', '/companies/asks')).enabled, true, 'enabled');
    await waitFor('it to leave the list', async () => await row.count() === 0);
    ok(true, 'and off the list');

    await page.click('.main-nav >> text=Companies');
    await page.waitForSelector('h1:has-text("Companies")');
    await audit(page, 'companies');

    await page.click('text=Add a company');
    await page.waitForSelector('dialog');
    await audit(page, 'a new company');
    page.expected = [409, 422];
    await page.fill('dialog input >> nth=0', 'Newcomer');
    await page.fill('dialog input >> nth=1', 'asks');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('dialog .error:has-text("Another company")');
    ok(true, 'a uid that is taken');
    await page.fill('dialog input >> nth=1', 'co_x');
    await page.click('dialog button[type=submit]');
    await waitFor('the error', async () => !(await page.textContent('dialog')).includes('Another company'));
    page.expected = [];
    await page.fill('dialog input >> nth=1', 'newcomer');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('text=Newcomer was added');
    is((await api('GET', '/companies/newcomer')).enabled, false, 'a new company, without access');

    // those that a text is in

    const shown = () => page.locator('tbody tr').count();
    const all = await shown();

    await page.fill('.search input', 'newcomer');
    await waitFor('what is found', async () => await shown() === 1);
    ok(all > 1 && (await page.textContent('tbody')).includes('Newcomer'), 'a search finds one');
    await page.fill('.search input', 'no such');
    await page.waitForSelector('text=No company has this text');
    is(await page.isVisible('table'), false, 'or none');
    await audit(page, 'no company found');
    await page.fill('.search input', '');
    await page.keyboard.press('Enter');
    await waitFor('all', async () => await shown() === all);
    is(await page.isVisible('text=No company has this text'), false, 'without a text, all of them');

    const line = page.locator('tr', { hasText: 'Newcomer' });

    await line.locator('button:has-text("Enable")').click();
    await line.locator('button:has-text("Disable")').waitFor();
    is((await api('GET', '/companies/newcomer')).enabled, true, 'enabled here, too');
    await line.locator('button:has-text("Disable")').click();
    await page.waitForSelector('dialog');
    await page.click('dialog >> text=Cancel');
    is((await api('GET', '/companies/newcomer')).enabled, true, 'it asks before it disables');
    await line.locator('button:has-text("Disable")').click();
    await page.click('dialog button.danger');
    await line.locator('button:has-text("Enable")').waitFor();
    is((await api('GET', '/companies/newcomer')).enabled, false, 'disabled');

    const asks = page.locator('tr', { hasText: 'Asks' });

    await asks.locator('text=Portal link').click();
    await page.waitForSelector('dialog code');
    const link = await page.textContent('dialog code');

    ok(/#token=whp_[\w-]+&company=co_\w+$/.test(link), 'a link to the portal', link);
    await audit(page, 'a link to the portal');
    await page.click('dialog >> text=Done');

    await asks.locator('button.link').click();
    await page.waitForSelector('text=Add your first webhook');
    is(await page.textContent('.company'), 'Asks <i>Inc</i>', 'its portal');
    await page.click('.operator');
    await page.waitForSelector('h1:has-text("Companies")');
    ok(true, 'and back');
    await page.reload();
    await page.waitForSelector('h1:has-text("Companies")');
    ok(true, 'also after a reload');
}
