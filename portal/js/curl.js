/*
 * An attempt as a curl command.  The body is made of the payload's text as it
 * was ingested, so that it is the one that was signed, to the byte.
 */

const SKIP = ['host', 'content-length'];


function quoted(text) {
    return `'${String(text).replace(/'/g, `'\\''`)}'`;
}


export function body(event, payload, timestamp) {
    return `{"event":"${event}","payload":${payload},"timestamp":${timestamp}}`;
}


export function curl(event, payload, attempt) {
    const { method, url, headers } = attempt.request;
    const lines = [`curl -i -X ${method} ${quoted(url)}`];
    let timestamp = '';

    for (const [name, value] of Object.entries(headers)) {
        if (name.toLowerCase() === 'x-timestamp') {
            timestamp = value;
        }

        if (!SKIP.includes(name.toLowerCase()) && value !== '********') {
            lines.push(`-H ${quoted(`${name}: ${value}`)}`);
        }
    }

    if (payload !== null) {
        lines.push(`--data-binary ${quoted(body(event, payload, timestamp))}`);
    }

    return lines.join(' \\\n    ') + '\n';
}
