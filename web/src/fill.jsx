import { useEffect, useRef, useState } from 'react';
import { useGraphiQL } from '@graphiql/react';
import { questions } from './tabs.js';

/**
 * Turns the answer to a fill query into variables: every root alias is a variable, its value the first scalar found
 * below it. So `allotmentId: allotments(first: 1) { nodes { id } }` gives the variable allotmentId.
 */
export function variablesOf(data) {
  const values = Object.entries(data ?? {}).map(([alias, value]) => [alias, firstScalar(value)]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

function firstScalar(value) {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'object') return value;
  for (const inner of Object.values(value)) {
    const found = firstScalar(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Fills the variables of a ready-made question when its tab is shown, with values the signed-in person may see, so
 * that it can be run at once. What someone typed is never overwritten: only an empty pane, or one filled here before
 * (for another persona), is. Shows nothing; the attributes tell
 * shot.mjs which operation the page would run, and whether a value is still being looked for.
 */
export function AutoFill({ session, fetcher }) {
  const { tabs, activeTabIndex, editor, operationName } = useGraphiQL((state) => ({
    tabs: state.tabs,
    activeTabIndex: state.activeTabIndex,
    editor: state.variableEditor,
    operationName: state.operationName,
  }));
  const filled = useRef(new Map());
  const [busy, setBusy] = useState(false);
  const tab = tabs[activeTabIndex];
  const question = questions.find((entry) => entry.fill && entry.name === tab?.operationName);

  useEffect(() => {
    if (!session || !question || !editor) return undefined;
    const before = editor.getValue().trim();
    if (before !== '' && before !== filled.current.get(tab.id)) return undefined;
    let current = true;
    async function fill() {
      const answer = await fetcher({ query: question.fill }, {});
      const untouched = editor.getValue().trim() === before;
      if (!current || !untouched || !answer?.data) return;
      const text = JSON.stringify(variablesOf(answer.data), null, 2);
      filled.current.set(tab.id, text);
      editor.setValue(text);
    }
    setBusy(true);
    fill()
      .catch(() => {
        // The pane stays as it is; running the question shows what is wrong.
      })
      .finally(() => {
        if (current) setBusy(false);
      });
    return () => {
      current = false;
      setBusy(false);
    };
  }, [session, question, editor, fetcher, tab?.id]);
  return <span hidden data-operation={operationName} data-filling={busy} />;
}
