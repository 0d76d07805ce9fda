import { useState } from 'react';
import { fromPersona, fromToken } from './session.js';

/** The bar above GraphiQL: who is signed in, the demo personas (development mode only) and a field for a token. */
export function Bar({ session, personas, onSession }) {
  const persona = personas.find((entry) => entry.token === session?.token);
  return (
    <header className="rf-bar">
      <Brand />
      <div className="rf-signin">
        {session ? <Who session={session} named={!persona} /> : <span className="rf-who rf-out">Signed out</span>}
        {personas.length > 0 && <Chooser chosen={persona} personas={personas} onSession={onSession} />}
        <Paste onSession={onSession} />
        {session && (
          <button type="button" className="rf-button" onClick={() => onSession(null)}>
            Sign out
          </button>
        )}
      </div>
    </header>
  );
}

function Brand() {
  return (
    <div className="rf-brand">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <circle cx="16" cy="16" r="11" fill="none" stroke="#5ad1c3" strokeWidth="2.8" strokeDasharray="4.2 2.7" />
        <circle cx="16" cy="16" r="4.5" fill="#f7b955" />
      </svg>
      <strong>Ringfence</strong>
      <span>GraphiQL</span>
    </div>
  );
}

// The chooser already names a persona that was chosen there.
function Who({ session, named }) {
  return (
    <span className="rf-who" title={session.userName}>
      {named && <b>{session.name}</b>}
      {session.roles.length > 0 ? session.roles.map((role) => <i key={role}>{role}</i>) : <i>no role</i>}
    </span>
  );
}

function Chooser({ chosen, personas, onSession }) {
  return (
    <select
      className="rf-field"
      aria-label="Sign in as a demo persona"
      value={chosen?.userName ?? ''}
      onChange={(event) => {
        const persona = personas.find((entry) => entry.userName === event.target.value);
        if (persona) onSession(fromPersona(persona));
      }}
    >
      <option value="" disabled>
        Sign in as…
      </option>
      {personas.map((persona) => (
        <option key={persona.userName} value={persona.userName}>
          {persona.description ? `${persona.name} – ${persona.description}` : persona.name}
        </option>
      ))}
    </select>
  );
}

function Paste({ onSession }) {
  const [text, setText] = useState('');
  function submit(event) {
    event.preventDefault();
    const session = fromToken(text);
    if (!session) return;
    setText('');
    onSession(session);
  }
  return (
    <form className="rf-paste" onSubmit={submit}>
      <input
        className="rf-field"
        type="password"
        autoComplete="off"
        spellCheck="false"
        aria-label="Paste a token"
        placeholder="Paste a token"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="rf-button" disabled={text.trim() === ''}>
        Use
      </button>
    </form>
  );
}

/** Says what to do when nobody is signed in, or when the server did not accept the token. Null otherwise. */
export function Hint({ session, refused, hasPersonas }) {
  if (session && !refused) return null;
  const how = hasPersonas
    ? 'Choose a demo persona above, or paste a token.'
    : 'Paste a token above. “ringfence token --user NAME” prints one for a development server.';
  return (
    <p className={refused ? 'rf-hint rf-refused' : 'rf-hint'} role="status">
      <b>{refused ? 'The server did not accept this token.' : 'You are signed out.'}</b> {how}
      {!refused && ' Every question, and the documentation, is answered for a signed-in person only.'}
    </p>
  );
}
