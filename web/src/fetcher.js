import { createGraphiQLFetcher } from '@graphiql/toolkit';

/**
 * A fetcher for the API of this origin that carries the session's token. A header typed by hand in the Headers pane
 * wins. onRefused is called when the server does not accept the token (401), so that the page can say so.
 */
export function createFetcher(session, onRefused) {
  return createGraphiQLFetcher({
    url: '/graphql',
    enableIncrementalDelivery: false,
    headers: session ? { Authorization: `Bearer ${session.token}` } : {},
    fetch: async (url, init) => {
      const answer = await fetch(url, { ...init, credentials: 'omit' });
      if (answer.status === 401 && session) onRefused();
      return answer;
    },
  });
}
