import { useEffect } from 'react';
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { questions } from './tabs.js';

const Icon = (props) => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" {...props}>
    <path d="M4 4.5h16v11.5H12l-4.5 4v-4H4z" />
    <path strokeLinecap="round" d="M9.8 8.6a2.2 2.2 0 1 1 3.2 2c-.7.35-1 .8-1 1.4M12 13.9v.1" />
  </svg>
);

/** The list of ready-made questions: a click shows the tab of a question, opening it again if it was closed. */
function Questions() {
  const { addTab, changeTab, updateActiveTabValues } = useGraphiQLActions();
  const { tabs, activeTabIndex, editor } = useGraphiQL((state) => ({
    tabs: state.tabs,
    activeTabIndex: state.activeTabIndex,
    editor: state.queryEditor,
  }));
  const active = tabs[activeTabIndex]?.operationName;

  // There are more tabs than fit side by side.
  useEffect(() => {
    document.querySelector('.graphiql-tab-active')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [activeTabIndex]);

  function open(question) {
    const index = tabs.findIndex((tab) => tab.operationName === question.name);
    if (index === activeTabIndex) return;
    if (index >= 0) {
      changeTab(index);
      return;
    }
    addTab();
    updateActiveTabValues({ query: question.query, operationName: question.name });
    editor?.setValue(question.query);
  }

  return (
    <section className="rf-questions" aria-label="Ready-made questions">
      <h2>Questions</h2>
      <p>What analysts and delegates ask. Open one, run it, change it.</p>
      <ol>
        {questions.map((question) => (
          <li key={question.name}>
            <button type="button" data-question={question.name} aria-current={question.name === active} onClick={() => open(question)}>
              <strong>
                {question.title}
                {question.mutation && <em>dry run</em>}
              </strong>
              {question.description && <span>{question.description}</span>}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The sidebar pane with the ready-made questions. */
export const questionsPlugin = { title: 'Questions', icon: Icon, content: Questions };
