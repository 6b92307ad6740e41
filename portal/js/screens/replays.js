/*
 * Replays: those that run, and those that have ended.
 */

import { h, add, replace, data } from '../dom.js';
import * as api from '../api.js';
import { badge, button, empty, head } from '../ui.js';
import { full } from '../format.js';
import { running, replayFilter } from '../replay-dialog.js';
import { nameOf } from '../timeline-row.js';
import { reason, statuses } from '../words.js';
import * as live from '../live.js';


function filter(r) {
    const f = r.filter || {};

    return [r.source === 'messages' ? 'Events, also those it never got'
              : f.status ? `${statuses[f.status]} events` : 'Events that were sent before',
            f.event && `named ${f.event}`, f.since && `since ${full(f.since)}`, f.until && `until ${full(f.until)}`]
        .filter(Boolean).join(', ');
}


export async function replays(context) {
    const list = h('ul.rows');
    const more = h('div.more');
    let cursor = null;

    const hooks = new Map((await api.all(context.path('webhooks'), { signal: context.signal })).map((w) => [w.id, w]));

    const row = (r) => {
        const state = h('span');
        const show = (now) => replace(state, badge({ running: 'pending', done: 'delivered' }[now.status] || 'cancelled',
            { running: 'Running', done: 'Done' }[now.status] || 'Cancelled'),
            now.status !== 'running' && now.reason && h('span.quiet.why', null, ` ${reason(now.reason)}`));

        return h('li.replay', null,
            h('div', null, h('h2', null, data(nameOf(hooks, r.webhook_id))), h('p.quiet', null, filter(r)),
              h('p.quiet', null, 'Started ', live.since(r.created_at))),
            h('div.replay-state', null, state, running(context, r, show)));
    };

    const page = async () => {
        const got = await api.get(context.path('replays'), { signal: context.signal, query: { cursor, limit: 25 } });

        cursor = got.next_cursor;
        add(list, got.data.map(row));
        replace(more, cursor && button('Older replays', page));
        return got.data.length;
    };

    const some = await page();
    const begin = button('New replay', async () => {
        if (await replayFilter(context, {}, hooks)) {
            context.again();
        }
    }, { icon: 'retry', kind: 'primary' });

    return [head('Replays', { actions: [begin] }), some === 0
        ? empty('No replay yet', 'When an endpoint was down for longer than its retries, send what it missed once more: '
                + 'here, or from the list of events.') : list, more];
}
