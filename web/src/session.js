// Who is signed in. The token lives in sessionStorage: it ends with the browser tab and is never written to disk by
// this page, and it is not a cookie, so no other site can make use of it.

const KEY = 'ringfence.session';

/** The session of this browser tab, or null when signed out. */
export function load() {
  try {
    const session = JSON.parse(sessionStorage.getItem(KEY));
    return session && typeof session.token === 'string' ? session : null;
  } catch {
    return null;
  }
}

/** Keeps the session, or forgets it when it is null. */
export function save(session) {
  if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
  else sessionStorage.removeItem(KEY);
}

/** The session of a demo persona as the server lists it. */
export function fromPersona(persona) {
  const { token, name, userName, roles = [] } = persona;
  return { token, name, userName, roles };
}

/**
 * The session of a pasted token. What a JWT says about itself is shown, never trusted: the server alone decides. A
 * token that is not a JWT (a service token) is used as it is.
 */
export function fromToken(text) {
  const token = text.trim().replace(/^Bearer\s+/i, '');
  if (!token) return null;
  const claims = readClaims(token);
  const userName = typeof claims.sub === 'string' ? claims.sub : '';
  const roles = Array.isArray(claims.roles) ? claims.roles.filter((role) => typeof role === 'string') : [];
  return { token, name: typeof claims.name === 'string' ? claims.name : userName || 'Pasted token', userName, roles };
}

function readClaims(token) {
  try {
    const part = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(part), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}

/** The demo personas, or an empty list when the server is not in development mode (it answers 404 then). */
export async function loadPersonas() {
  try {
    const answer = await fetch('/dev/personas', { headers: { Accept: 'application/json' } });
    const personas = answer.ok ? await answer.json() : [];
    return Array.isArray(personas) ? personas : [];
  } catch {
    return [];
  }
}
