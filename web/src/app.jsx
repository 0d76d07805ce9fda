import { useCallback, useEffect, useMemo, useState } from 'react';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { createFetcher } from './fetcher.js';
import { AutoFill } from './fill.jsx';
import { questionsPlugin } from './questions.jsx';
import { load, loadPersonas, save } from './session.js';
import { Bar, Hint } from './signin.jsx';
import { questions } from './tabs.js';

// Made once: GraphiQL resets its panes when one of these changes.
const plugins = [questionsPlugin, explorerPlugin({ showAttribution: false }), HISTORY_PLUGIN];
const defaultTabs = questions.map(({ query }) => ({ query }));

/** The page: a bar to sign in with, and GraphiQL with the ready-made questions as tabs. */
export function App() {
  const [session, setSession] = useState(load);
  const [refused, setRefused] = useState(false);
  const [personas, setPersonas] = useState([]);
  useEffect(() => {
    loadPersonas().then(setPersonas);
  }, []);

  const signIn = useCallback((next) => {
    save(next);
    setRefused(false);
    setSession(next);
  }, []);
  const fetcher = useMemo(() => createFetcher(session, () => setRefused(true)), [session]);

  // The schema is null while signed out, which keeps GraphiQL from asking for it: the server would not answer.
  return (
    <div className="rf-page">
      <Bar session={session} personas={personas} onSession={signIn} />
      <Hint session={session} refused={refused} hasPersonas={personas.length > 0} />
      <div className="rf-main">
        <GraphiQL
          fetcher={fetcher}
          schema={session ? undefined : null}
          schemaDescription
          inputValueDeprecation
          defaultTabs={defaultTabs}
          defaultQuery=""
          plugins={plugins}
          visiblePlugin={questionsPlugin}
          defaultEditorToolsVisibility={false}
          shouldPersistHeaders={false}
          showPersistHeadersSettings={false}
        >
          <GraphiQL.Logo> </GraphiQL.Logo>
          <AutoFill session={session} fetcher={fetcher} />
        </GraphiQL>
      </div>
    </div>
  );
}
