//! Which distribution provides a module, where it is not named after it.

/// Sorted by module. Of two that provide the same, the one that needs no display and no compiler.
const NAMES: [(&str, &str); 32] = [
    ("Bio", "biopython"),
    ("Crypto", "pycryptodome"),
    ("OpenSSL", "pyOpenSSL"),
    ("PIL", "pillow"),
    ("absl", "absl-py"),
    ("attr", "attrs"),
    ("bs4", "beautifulsoup4"),
    ("community", "python-louvain"),
    ("cv2", "opencv-python-headless"),
    ("dateutil", "python-dateutil"),
    ("docx", "python-docx"),
    ("dotenv", "python-dotenv"),
    ("faiss", "faiss-cpu"),
    ("fitz", "PyMuPDF"),
    ("git", "GitPython"),
    ("imblearn", "imbalanced-learn"),
    ("jose", "python-jose"),
    ("jwt", "PyJWT"),
    ("magic", "python-magic"),
    ("mpl_toolkits", "matplotlib"),
    ("osgeo", "GDAL"),
    ("pptx", "python-pptx"),
    ("psycopg2", "psycopg2-binary"),
    ("pywt", "PyWavelets"),
    ("serial", "pyserial"),
    ("skimage", "scikit-image"),
    ("sklearn", "scikit-learn"),
    ("skopt", "scikit-optimize"),
    ("slugify", "python-slugify"),
    ("umap", "umap-learn"),
    ("yaml", "PyYAML"),
    ("zmq", "pyzmq"),
];

/// What to ask an index for, so that `import MODULE` of a top-level module works.
pub fn distribution(module: &str) -> &str {
    NAMES.binary_search_by_key(&module, |(module, _)| module).map_or(module, |index| NAMES[index].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_others_are_named_alike() {
        assert!(NAMES.is_sorted_by(|(one, _), (other, _)| one < other));
        assert_eq!(distribution("cv2"), "opencv-python-headless");
        assert_eq!(distribution("numpy"), "numpy");
    }
}
