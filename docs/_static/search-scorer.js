// The order of the search results: first the pages that have all words of the query in their title, or in one of the
// questions that the page answers: its index entries, which stand in a block `{index}` below its title.
// Sphinx by itself puts each page with one of the words in any heading first, and the rest by the alphabet.

const _stems = (text) => {
  const stemmer = new Stemmer();
  return text.toLowerCase().split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word && !stopwords.has(word))
    .map((word) => stemmer.stemWord(word));
};

let _questions = null;

const _questionsOf = (docname) => {
  if (_questions === null) {
    const { docnames, indexentries } = Search._index;
    _questions = {};
    for (const [entry, places] of Object.entries(indexentries)) {
      for (const [file, , isMain] of places) {
        if (isMain) (_questions[docnames[file]] ??= []).push(entry);
      }
    }
  }
  return _questions[docname] ?? [];
};

var Scorer = {
  score: ([docname, title, , , score, , kind]) => {
    if (kind === "object") return score;
    const words = _stems(new URLSearchParams(location.search).get("q") ?? "");
    const share = Math.max(...[title, ..._questionsOf(docname)].map((text) => {
      const known = new Set(_stems(text));
      return words.filter((word) => known.has(word)).length / (words.length || 1);
    }));
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

// Sphinx takes numbers out of a query. They are terms of the index (conf.py), so they are put back.
const _parseWithoutNumbers = Search._parseQuery;
Search._parseQuery = (query) => {
  const [asked, searched, excluded, highlighted, objects] = _parseWithoutNumbers(query);
  splitQuery(query).filter((word) => /^\d+$/.test(word)).forEach((number) => {
    searched.add(number);
    highlighted.add(number);
  });
  return [asked, searched, excluded, highlighted, objects];
};
