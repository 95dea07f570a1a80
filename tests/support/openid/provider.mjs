// A real OpenID provider (npm `oidc-provider`, which is certified) that tests can maltreat.
//
// It listens on two ports of 127.0.0.1: the provider, and a control port that no mischief touches. The
// first line it prints says where, as JSON. It ends when its standard input does.
import { generateKeyPairSync, createPrivateKey, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import { Provider, errors } from 'oidc-provider';
import * as jose from 'jose';

// -- state that survives a change of keys ---------------------------------------------------------------

const shelves = new Map(); // model -> id -> payload

class Adapter {
  constructor(model) {
    if (!shelves.has(model)) shelves.set(model, new Map());
    this.shelf = shelves.get(model);
  }

  async upsert(id, payload, expiresIn) {
    this.shelf.set(id, { payload, until: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
  }

  async find(id) {
    const found = this.shelf.get(id);
    return found && found.until > Date.now() ? found.payload : undefined;
  }

  async findByUid(uid) {
    return [...this.shelf.values()].find((one) => one.payload.uid === uid)?.payload;
  }

  async findByUserCode() { return undefined; }

  async consume(id) { this.shelf.get(id).payload.consumed = Math.floor(Date.now() / 1000); }

  async destroy(id) { this.shelf.delete(id); }

  async revokeByGrantId(grantId) {
    for (const shelf of shelves.values()) {
      for (const [id, one] of shelf) if (one.payload.grantId === grantId) shelf.delete(id);
    }
  }
}

const accounts = new Map(); // sub -> claims
// The form of another provider: { prefix, base, document, token, key }. Its issuer ends with `prefix`, and all addresses
// work below `base`, too. `document` changes members of its metadata (null removes one). ID tokens have only the claims
// that `token` lists about a person. `key` is a member `issuer` of each published key.
let form = {};
const behaviours = new Map(); // path -> { mode, seconds, status, body }
let counts = {}; // path -> requests

let keyNumber = 0;
function newKeys() {
  keyNumber += 1;
  const jwk = (type, options, alg, name) => {
    const { privateKey } = generateKeyPairSync(type, options);
    return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${name}-${keyNumber}` };
  };
  return [
    jwk('rsa', { modulusLength: 2048 }, 'RS256', 'rsa'),
    jwk('ec', { namedCurve: 'P-256' }, 'ES256', 'ec'),
    jwk('ed25519', {}, 'EdDSA', 'ed'),
  ];
}
let keys = newKeys();

// -- the provider ---------------------------------------------------------------------------------------

let origin;
let issuer;
let provider;
let handle;
const cookieKeys = [randomBytes(16).toString('hex')];

// Claims of other providers.
const OTHERS = ['hd', 'tid', 'org_id', 'realm_access', 'https://app.example/roles', '_claim_names', 'preferred_username'];

async function findAccount(ctx, sub) {
  const claims = accounts.get(sub) ?? { email: `${sub}@example.com`, email_verified: true, name: sub };
  const only = (use) => (use === 'id_token' && form.token
    ? Object.fromEntries(Object.entries(claims).filter(([name]) => form.token.includes(name))) : claims);
  return { accountId: sub, claims: async (use) => ({ sub, ...only(use) }) };
}

// Every client is trusted: nobody is asked for consent.
async function grantFor(ctx) {
  const { client, session, params, result } = ctx.oidc;
  const known = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  const found = known ? await provider.Grant.find(known) : undefined;
  const grant = found ?? new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(params.scope ?? 'openid');
  grant.addOIDCClaims(['sub', 'email', 'email_verified', 'name', 'roles', 'groups', 'acr', 'amr', 'auth_time', 'tenant', ...OTHERS]);
  for (const resource of [params.resource ?? []].flat()) grant.addResourceScope(resource, params.scope ?? '');
  await grant.save();
  return grant;
}

const frames = (ctx) => [...shelves.get('Client')?.values() ?? []].map(({ payload }) => {
  const { client_id: id, frontchannel_logout_uri: uri } = payload;
  const sid = ctx.oidc.session?.authorizations?.[id]?.sid;
  if (!uri || !sid) return '';
  const query = new URLSearchParams({ iss: issuer, sid }).toString().replaceAll('&', '&amp;');
  return `<iframe src="${uri}?${query}"></iframe>`;
}).join('');

function configuration() {
  return {
    adapter: Adapter,
    findAccount,
    loadExistingGrant: grantFor,
    jwks: { keys },
    cookies: { keys: cookieKeys },
    extraTokenClaims: (ctx, token) => token.extra, // else it forgets what `POST /token` asked for
    conformIdTokenClaims: false, // as most providers do: claims stand in the ID token as well
    clients: [],
    scopes: ['openid', 'profile', 'email', 'roles', 'groups', 'offline_access', 'chat:connect', 'chat:say'],
    claims: {
      openid: ['sub', 'acr', 'amr', 'groups', ...OTHERS], email: ['email', 'email_verified'], profile: ['name'], roles: ['roles', 'tenant'],
      auth_time: null,
    },
    acrValues: ['urn:example:password', 'urn:example:two-factors'],
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA', 'HS256'] },
    extraClientMetadata: { properties: ['frontchannel_logout_uri', 'frontchannel_logout_session_required'] },
    discovery: { frontchannel_logout_supported: true, frontchannel_logout_session_supported: true },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    clientBasedCORS: () => false,
    // Its guard against requests forged by clients would keep it from telling an application on this machine.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    ttl: { AccessToken: 600, ClientCredentials: 600, IdToken: 600, Session: 3600, Interaction: 600, Grant: 3600, AuthorizationCode: 60, RefreshToken: 3600 },
    // As it should be, but for a client that is called naive.
    pkce: { required: (ctx, client) => client.clientId !== 'naive' },
    renderError: async (ctx, out) => {
      ctx.type = 'html';
      ctx.body = `<!doctype html><title>refused</title><pre id="refused">${JSON.stringify(out)}</pre>`;
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: async () => true },
      revocation: { enabled: true, allowedPolicy: async () => true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx, form) => {
          ctx.body = `<!doctype html><title>log out</title>${form}${frames(ctx)}`
            + '<button type="submit" form="op.logoutForm" name="logout" value="yes" id="yes">Log out</button>';
        },
        postLogoutSuccessSource: async (ctx) => {
          ctx.body = '<!doctype html><title>logged out</title><p id="logged-out">Logged out at the provider</p>';
        },
      },
      // `resource=https://…/jwt` gives RFC 9068 access tokens, `…/opaque` gives opaque ones.
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => undefined,
        useGrantedResource: async () => true,
        getResourceServerInfo: async (ctx, resource) => {
          const format = resource.endsWith('/opaque') ? 'opaque' : resource.endsWith('/jwt') ? 'jwt' : undefined;
          if (!format) throw new errors.InvalidTarget();
          return {
            scope: 'chat:connect chat:say', audience: resource, accessTokenFormat: format, accessTokenTTL: 600,
            jwt: { sign: { alg: 'RS256' } },
          };
        },
      },
    },
  };
}

function build() {
  issuer = origin + (form.prefix ?? '');
  provider = new Provider(issuer, configuration());
  for (const event of ['server_error', 'backchannel.error']) {
    provider.on(event, (...found) => console.error(event, ...found.map((one) => one?.stack ?? String(one?.clientId ?? one?.path ?? one))));
  }
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.oidc?.route === 'discovery') Object.assign(ctx.body, form.document);
    if (ctx.oidc?.route === 'jwks' && form.key) ctx.body = { keys: ctx.body.keys.map((one) => ({ ...one, issuer: form.key })) };
  });
  handle = provider.callback();
}

// -- the login that a browser fills -----------------------------------------------------------------------

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

// What a login with these factors is called.
const factors = (otp) => otp
  ? { acr: 'urn:example:two-factors', amr: ['pwd', 'otp', 'mfa'] }
  : { acr: 'urn:example:password', amr: ['pwd'] };

async function interaction(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(`<!doctype html><title>Sign in</title><form method="post">
      <input name="login" autofocus><input name="password" type="password">
      <input name="otp"><button type="submit">Sign in</button>
      <button type="submit" name="abort" value="1" id="abort">Cancel</button></form>`);
    return;
  }
  const form = new URLSearchParams(await body(request));
  if (details.prompt.name !== 'login' && details.prompt.name !== 'consent') throw new Error(details.prompt.name);
  const result = form.has('abort')
    ? { error: 'access_denied', error_description: 'the user said no <script>alert(1)</script>' }
    : { login: { accountId: form.get('login'), remember: true, ...factors(form.get('otp')) } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

// -- mischief ---------------------------------------------------------------------------------------------

// Whether this request was dealt with. `path` "*" stands for every path.
async function misbehave(path, response) {
  const behaviour = behaviours.get(path) ?? behaviours.get('*');
  if (!behaviour) return false;
  const { mode, seconds = 1, status = 500, body: text = '', type = 'application/json' } = behaviour;
  switch (mode) {
    case 'slow': // an honest answer, late
      await new Promise((done) => { setTimeout(done, seconds * 1000); });
      return response.destroyed;
    case 'hang': // no answer, ever
      return true;
    case 'drop': // the connection breaks
      response.destroy();
      return true;
    case 'garbage':
      response.writeHead(200, { 'Content-Type': type });
      response.end('<html>\u0000{"keys": [this is no JSON');
      return true;
    case 'huge': // 64 MiB, as fast as they are taken
      response.writeHead(200, { 'Content-Type': type });
      for (let sent = 0; sent < 1024 && !response.destroyed; sent += 1) {
        if (!response.write('['.repeat(65536))) {
          await new Promise((done) => { response.once('drain', done); response.once('close', done); });
        }
      }
      response.end();
      return true;
    case 'drip': // a byte a time: no single read times out
      response.writeHead(200, { 'Content-Type': type });
      while (!response.destroyed) {
        response.write(' ');
        await new Promise((done) => { setTimeout(done, 50); });
      }
      return true;
    case 'redirect':
      response.writeHead(302, { Location: text });
      response.end();
      return true;
    case 'answer': // that very answer
      response.writeHead(status, { 'Content-Type': type });
      response.end(text);
      return true;
    default:
      throw new Error(`no such mode: ${mode}`);
  }
}

// -- control ----------------------------------------------------------------------------------------------

async function signed({ header = {}, payload = {}, kid }) {
  const key = keys.find((one) => one.kid === (kid ?? header.kid)) ?? keys[0];
  return new jose.CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .sign(createPrivateKey({ key, format: 'jwk' }));
}

// An access token without a browser: for resource servers.
async function issueToken({ client, sub, resource, scope = 'chat:connect chat:say', seconds = 600, extra }) {
  const found = await provider.Client.find(client);
  if (!found) throw new Error(`no such client: ${client}`);
  const grant = new provider.Grant({ clientId: client, accountId: sub });
  grant.addOIDCScope('openid');
  grant.addResourceScope(resource, scope);
  const token = new provider.AccessToken({
    accountId: sub, client: found, scope, grantId: await grant.save(), gty: 'authorization_code', expiresIn: seconds, extra,
  });
  token.resourceServer = new provider.ResourceServer(resource, {
    scope, audience: resource, accessTokenFormat: resource.endsWith('/opaque') ? 'opaque' : 'jwt', jwt: { sign: { alg: 'RS256' } },
  });
  return token.save();
}

const control = {
  // Sign with new keys. `keep`: the old ones are still published.
  async 'POST /keys'({ keep = true }) {
    keys = [...newKeys(), ...(keep ? keys : [])];
    build();
    return { kids: keys.map((one) => one.kid) };
  },
  async 'PUT /behaviour'({ path, ...behaviour }) { behaviours.set(path, behaviour); },
  async 'DELETE /behaviour'() { behaviours.clear(); },
  async 'GET /requests'() { return counts; },
  async 'DELETE /requests'() { counts = {}; },
  async 'PUT /client'(metadata) {
    // Validates as a registration would.
    await new Adapter('Client').upsert(metadata.client_id, metadata);
    const found = await provider.Client.find(metadata.client_id);
    return found.metadata();
  },
  async 'PUT /account'({ sub, ...claims }) { accounts.set(sub, claims); },
  async 'PUT /form'(found) { form = found; build(); return { issuer }; },
  async 'POST /sign'(what) { return { token: await signed(what) }; },
  async 'POST /token'(what) { return { token: await issueToken(what) }; },
  // Forget what was issued, and every login.
  async 'DELETE /state'() { shelves.clear(); accounts.clear(); behaviours.clear(); counts = {}; form = {}; build(); },
};

const steering = createServer(async (request, response) => {
  try {
    const action = control[`${request.method} ${request.url}`];
    if (!action) throw new Error(`no such control: ${request.method} ${request.url}`);
    const text = await body(request);
    const answer = await action(text ? JSON.parse(text) : {});
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  } catch (error) {
    response.writeHead(400, { 'Content-Type': 'text/plain' });
    response.end(String(error.error_description ?? error.stack));
  }
});

const server = createServer(async (request, response) => {
  const path = request.url.split('?')[0];
  const kind = path.startsWith('/interaction/') ? '/interaction' : path;
  counts[kind] = (counts[kind] ?? 0) + 1;
  try {
    if (await misbehave(path, response)) return;
    if (kind === '/interaction') return await interaction(request, response);
    const mounted = [form.prefix, form.base].find((one) => one?.length > 1 && request.url.startsWith(one));
    if (mounted) {
      request.originalUrl = request.url;
      request.url = request.url.slice(mounted.length);
    }
    await handle(request, response);
  } catch (error) {
    console.error(error);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  }
});

const listen = (one, port) => new Promise((done, failed) => {
  one.once('error', failed);
  one.listen(port, '127.0.0.1', () => done(one.address().port));
});

// A provider that was killed comes back at the same address: then the port is given.
const port = await listen(server, Number(process.argv[2] ?? 0));
origin = `http://127.0.0.1:${port}`;
build();
console.log(JSON.stringify({ issuer, control: `http://127.0.0.1:${await listen(steering, 0)}` }));
process.stdin.on('end', () => process.exit(0)).resume();
