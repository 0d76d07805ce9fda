import { parse } from 'graphql';

// One file per question. Its first line is a comment that is its title; the comment lines after it are its
// description. A file of the same name in fill/ asks for values of its variables.
const questionFiles = import.meta.glob('./tabs/*.graphql', { query: '?raw', import: 'default', eager: true });
const fillFiles = import.meta.glob('./tabs/fill/*.graphql', { query: '?raw', import: 'default', eager: true });

/** The ready-made questions in the order of their file names: {file, name, title, description, query, fill}. */
export const questions = Object.keys(questionFiles)
  .sort()
  .map((path) => {
    const file = path.slice('./tabs/'.length);
    return { file, ...readQuestion(questionFiles[path]), fill: fillFiles[`./tabs/fill/${file}`] ?? null };
  });

/** Reads one file: the leading comment lines are title and description, the operation's name names its tab. */
export function readQuestion(query) {
  const comment = [];
  for (const line of query.split('\n')) {
    if (!line.startsWith('#')) break;
    comment.push(line.replace(/^#+\s*/, '').trim());
  }
  const operation = parse(query).definitions.find((definition) => definition.kind === 'OperationDefinition');
  return {
    name: operation.name.value,
    mutation: operation.operation === 'mutation',
    title: comment[0],
    description: comment.slice(1).join(' '),
    query,
  };
}
