// The order of the search results: first the pages that have all words of the query in their title.
// Sphinx by itself puts each page with one of the words in any heading first, and the rest by the alphabet.

const _stems = (text) => {
  const stemmer = new Stemmer();
  return text.toLowerCase().split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word && !stopwords.has(word))
    .map((word) => stemmer.stemWord(word));
};

var Scorer = {
  score: ([docname, title, , , score, , kind]) => {
    if (kind === "object") return score;
    const words = _stems(new URLSearchParams(location.search).get("q") ?? "");
    const titled = new Set(_stems(title));
    const share = words.filter((word) => titled.has(word)).length / (words.length || 1);
    const guide = /^(how-to|tutorial)\//.test(docname) ? 5 : 0;
    const history = docname === "changelog" ? 10 : 0;
    return score + 15 * share + guide - history;
  },
  // The values of Sphinx.
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
