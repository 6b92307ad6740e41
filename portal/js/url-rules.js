/*
 * The rules for a webhook's URL, checked while it is typed.  They are those of
 * the server, which has the last word: its operator may allow more, or less.
 */

const LOCAL = ['localhost', 'localhost.localdomain', 'localhost6', 'localhost6.localdomain6',
               'ip6-localhost', 'ip6-loopback', 'loopback'];


function split(text) {
    const m = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^#]*)(#.*)?$/i.exec(text);

    if (!m) {
        return null;
    }

    const at = m[2].lastIndexOf('@');
    const server = m[2].slice(at + 1);
    const name = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(server);

    return { scheme: m[1].toLowerCase(), user: at >= 0, host: (name ? name[1] : server).toLowerCase()
             .replace(/\.$/, ''), port: name?.[2], fragment: m[4] };
}


function address(host) {
    const last = host.split('.').pop();

    return host.startsWith('[') || /^\d+$/.test(last) || last.startsWith('0x');
}


function local(host) {
    return LOCAL.includes(host) || host.endsWith('.localhost');
}


function named(host) {
    return host.length > 0 && host.length <= 253
           && host.split('.').every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
}


/* [{ text, ok }]: "ok" is null as long as nothing can be said. */

export function check(text) {
    const u = split(text);
    const odd = /[^\x21-\x7e]|\\/.exec(text);
    const has = u !== null && u.host !== '';
    const port = u?.port === undefined || (/^\d{1,5}$/.test(u.port) && +u.port >= 1 && +u.port <= 65535);

    return [
        { text: 'Begins with https://',
          ok: u ? u.scheme === 'https' : 'https://'.startsWith(text.toLowerCase()) ? null : false },
        { text: 'Names a host: not an IP address, not localhost',
          ok: has ? named(u.host) && !address(u.host) && !local(u.host) : null },
        { text: 'Holds no user name, password or fragment (#)',
          ok: u ? !u.user && u.fragment === undefined : null },
        { text: 'At most 2,048 characters of ASCII, and a port that exists',
          ok: text === '' ? null : !odd && text.length <= 2048 && port },
    ];
}
