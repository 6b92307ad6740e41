/*
 * What codes of the API mean, in words.
 */

const problems = {
    access_not_enabled: 'Webhooks are not enabled for this company.',
    role_forbidden: 'This key may not do that.',
    company_not_found: 'There is no such company, or the key is not its key.',
    webhook_not_found: 'This webhook does not exist, or was deleted.',
    webhook_event_not_found: 'This webhook event does not exist: it may be older than what is kept.',
    message_not_found: 'This event does not exist: it may be older than what is kept.',
    replay_not_found: 'This replay does not exist.',
    uid_taken: 'Another company has this uid.',
    access_enabled: 'The company has access already.',
    webhook_limit: 'The company has as many webhooks as it may have. Delete one first.',
    webhook_disabled: 'The webhook is disabled. Enable it first.',
    webhook_deleted: 'The webhook was deleted: nothing can be sent to it any more.',
    being_delivered: 'It is being sent right now.',
    not_pending: 'Only what is pending can be cancelled.',
    not_running: 'It is not running any more.',
    payload_erased: 'The payload is older than what is kept: it cannot be sent again.',
    replay_limit: 'Ten replays run already. Wait for one to end.',
    url_refused: 'The URL is not allowed.',
    store_unavailable: 'The store cannot be reached. Nothing was changed; try again in a moment.',
    store_busy: 'The store is busy. Nothing was changed; try again in a moment.',
    secret_unavailable: 'The secret cannot be opened: the operator has to look at the encryption key.',
    rate_limited: 'Too many requests. Wait a moment.',
    internal: 'The server could not do it. Its log says why.',
};


export function problem(status, body) {
    if (status === 0) {
        return 'The server cannot be reached. Check the connection and try again.';
    }

    if (body?.code && problems[body.code]) {
        return problems[body.code];
    }

    if (body?.detail || body?.title) {
        return body.detail || body.title;
    }

    return status === 401 ? 'The session has ended.'
         : status === 429 ? problems.rate_limited
         : `The server answered ${status}.`;
}


/* Attempts: what went wrong, and what to do about it. */

const errors = {
    http_status: ['The endpoint refused it', 'It answered, but not with a 2xx status.'],
    name_not_found: ['The host name does not exist', 'Check the URL, and the DNS of the name.'],
    name_lookup_failed: ['The host name could not be looked up', 'Its DNS servers gave an error.'],
    name_lookup_timeout: ['Looking up the host name took too long', 'Its DNS servers did not answer.'],
    address_refused: ['The address is not allowed', 'The name leads to a private or reserved network.'],
    url_refused: ['The URL is not allowed', 'Webhooks go to HTTPS URLs with a host name.'],
    connect_failed: ['No connection', 'Nothing listens there, or a firewall refuses.'],
    connect_timeout: ['Connecting took too long', 'A firewall may drop the packets.'],
    location_failed: ['The sender’s proxy got no answer', 'Its operator has to look at it.'],
    tls_certificate: ['The TLS certificate is not valid',
                      'It has to be valid for the name, with its whole chain.'],
    tls_failed: ['TLS failed', 'The two sides did not agree on a protocol.'],
    timeout: ['No answer in time', 'Answer first, and do the work later.'],
    empty_reply: ['The connection was closed without an answer', 'The endpoint may have crashed.'],
    connection_lost: ['The connection broke', 'The endpoint or something before it closed it.'],
    bad_response: ['The answer is no HTTP', 'Another protocol listens on this port.'],
    secret_unavailable: ['The secret cannot be opened', 'The operator has to look at the key.'],
    internal: ['The sender could not send it', 'Its log says why.'],
};


export function attempt(a) {
    if (!a.error) {
        return ['Delivered', ''];
    }

    if (a.error === 'http_status') {
        return [`The endpoint answered ${a.status_code}`, hint(a.status_code)];
    }

    return errors[a.error] || [a.error, ''];
}


function hint(code) {
    return code === 401 || code === 403 ? 'Does it verify with the right secret?'
         : code === 404 ? 'Is the path of the URL right?'
         : code === 405 ? 'It has to accept POST.'
         : code === 410 ? 'Gone: the webhook was disabled.'
         : code === 413 ? 'It accepts only smaller bodies.'
         : code === 429 ? 'It asks for rest.'
         : code >= 300 && code < 400 ? 'Redirects are not followed: use the final URL.'
         : code >= 500 ? 'Its own server has an error: look at its log.'
         : errors.http_status[1];
}


const reasons = {
    attempts_exhausted: 'no attempt is left',
    endpoint_gone: 'the endpoint answered 410 Gone',
    webhook_disabled: 'the webhook was disabled',
    webhook_deleted: 'the webhook was deleted',
    payload_expired: 'the payload is not kept any more',
    cancelled_by_request: 'somebody cancelled it',
};


export function reason(code) {
    return reasons[code] || code;
}


const waits = {
    schedule: 'waits for its next attempt',
    breaker: 'waits: the endpoint failed too often and is paused',
    rate_limit: 'waits: the webhook’s rate limit',
    concurrency: 'waits: others are being sent to this webhook',
    order: 'waits for the event before it',
    disabled: 'waits until the webhook is enabled',
    secret: 'waits: the provider cannot sign it just now',
};


export function waiting(code) {
    return waits[code] || 'is being sent';
}


export const statuses = {
    pending: 'Pending', delivered: 'Delivered', failed: 'Failed', cancelled: 'Cancelled',
};


/* A webhook's state: its kind, a word, and what more there is to say. */

export function state(w, traffic) {
    if (!w.enabled) {
        return { kind: 'off', word: 'Disabled',
                 detail: w.disabled_reason === 'endpoint_gone' ? 'its endpoint answered 410 Gone'
                         : w.disabled_reason === 'failing' ? 'it had failed for too long' : null };
    }

    if (w.health.breaker === 'open') {
        return { kind: 'bad', word: 'Paused', detail: 'too many failures one after the other' };
    }

    if (w.health.breaker === 'half_open') {
        return { kind: 'warn', word: 'Recovering', detail: 'one delivery tries whether it works again' };
    }

    if (w.health.failing_since) {
        return { kind: 'bad', word: 'Failing', detail: null };
    }

    if (traffic === 0) {
        return { kind: 'idle', word: 'Active', detail: 'nothing was sent in 24 hours' };
    }

    return { kind: 'good', word: 'Healthy', detail: null };
}
