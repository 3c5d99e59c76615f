/** Whether the script of a step is a notebook. */
export function isNotebook(script: string): boolean {
  return script.endsWith('.ipynb')
}

/** What executes notebooks, among the files of the Python steps of a bundle. */
export const NOTEBOOK_EXECUTOR = '@gyre/notebook/notebook.py'
