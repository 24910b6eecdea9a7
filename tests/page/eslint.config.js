// How the modules of the page are linted: what could be a mistake is one.
import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2023, sourceType: "module", globals: globals.browser },
    rules: {
      "no-shadow": "error",
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
      "no-unused-vars": "error",
      "no-use-before-define": ["error", { functions: false, variables: false }],
      "max-lines": ["error", 350],
      complexity: ["error", 16],
    },
  },
  { files: ["**/*.mjs"], languageOptions: { globals: globals.node } },
];
